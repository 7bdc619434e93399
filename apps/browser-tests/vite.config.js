import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** `virtual:guide`: the stack of the guide to optimizers as a function that returns its model and data. */
const guide = {
  name: 'guide',
  resolveId: (id) => (id === 'virtual:guide' ? '\0guide' : null),
  load(id) {
    if (id !== '\0guide') return null;
    const page = readFileSync(path('../../docs/guides/optimizer-and-decay.md'), 'utf8');
    const [, code] = page.match(/^```js\n([\s\S]*?)^```$/m);
    const imports = code.match(/^import [\s\S]*?;$/gm).join('\n');
    const body = code.replace(/^import [\s\S]*?;$/gm, '');
    return `${imports}\nexport async function example() {\n${body}\nreturn { model, x, y };\n}`;
  },
};

/** Every html file in pages/ is an entry; the packages are bundled from their sources. */
export default defineConfig({
  root: path('pages'),
  logLevel: 'warn',
  plugins: [guide],
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
