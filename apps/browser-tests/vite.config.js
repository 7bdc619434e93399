import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** What the README's example is made smaller by, so that the plain JavaScript backend can follow. */
const SMALLER = [
  ['784', '196'],
  ['units: 256', 'units: 64'],
];

/** `virtual:readme`: the example of the README as a function that gives back what it made. */
const readme = {
  name: 'readme',
  resolveId: (id) => (id === 'virtual:readme' ? '\0readme' : null),
  load(id) {
    if (id !== '\0readme') return null;
    const page = readFileSync(path('../../README.md'), 'utf8');
    let [, code] = page.match(/^```ts\n([\s\S]*?)^```$/m);
    for (const [size, smaller] of SMALLER) {
      if (!code.includes(size)) throw new Error(`the example of the README has no "${size}"`);
      code = code.replaceAll(size, smaller);
    }
    const imports = code.match(/^import [\s\S]*?;$/gm).join('\n');
    const body = code.replace(/^import [\s\S]*?;$/gm, '');
    return `${imports}\nexport async function example() {\n${body}\nreturn { model, x, y };\n}`;
  },
};

/** Every html file in pages/ is an entry; the packages are bundled from their sources. */
export default defineConfig({
  root: path('pages'),
  logLevel: 'warn',
  plugins: [readme],
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
