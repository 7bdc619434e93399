/** The reference is Markdown, made from the sources, which the site then shows. Everything exported needs a doc block. */
import { existsSync, readdirSync } from 'node:fs';

const packages = readdirSync(new URL('../packages', import.meta.url));
const kits = packages
  .map((name) => `../packages/${name}/src/kit.ts`)
  .filter((path) => existsSync(new URL(path, import.meta.url)));

export default {
  plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme', './typedoc-pages.js'],
  entryPoints: [...packages.map((name) => `../packages/${name}/src/index.ts`), ...kits],
  tsconfig: 'tsconfig.json',
  out: 'reference',
  docsRoot: '.',
  readme: 'none',
  name: 'Reference',
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: true,
  parametersFormat: 'table',
  packagesRequiringDocumentation: packages.map((name) => `@tfjs-lrm/${name}`),
  requiredToBeDocumented: ['Class', 'Function', 'Interface', 'TypeAlias', 'Variable'],
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
  logLevel: 'Warn',
};
