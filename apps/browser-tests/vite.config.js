import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Every html file in pages/ is an entry; the packages are bundled from their sources. */
export default defineConfig({
  root: path('pages'),
  logLevel: 'warn',
  resolve: { conditions: ['@tfjs-lrm/source', 'module', 'browser', 'production'] },
  build: {
    outDir: path('dist'),
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 10_000,
    // tfjs starts its threads from the text of one of its functions, in which a minifier that simplifies leaves the
    // name of a variable outside of it.
    minify: false,
    rolldownOptions: {
      input: readdirSync(path('pages'))
        .filter((name) => name.endsWith('.html'))
        .map((name) => path(`pages/${name}`)),
    },
  },
});
