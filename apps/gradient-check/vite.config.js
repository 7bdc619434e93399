import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** The packages are bundled from their sources. */
export default defineConfig({
  root: path('pages'),
  logLevel: 'warn',
  resolve: { conditions: ['@tfjs-lrm/source', 'module', 'browser', 'production'] },
  build: {
    outDir: path('dist-page'),
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 10_000,
    minify: false,
  },
});
