/** One page a package: its README. */
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../packages/', import.meta.url);
const repository = 'https://github.com/tfjs-lrm/tfjs-lrm/blob/main';

/** The links of a README where it is a page of the site: to the pages of others, and to files that have no page. */
const linked = (name, text) =>
  text
    .replaceAll(/\]\(\.\.\/([\w-]+)\/README\.md/g, '](/packages/$1')
    .replaceAll(/\]\((?=sweep\/)/g, `](${repository}/packages/${name}/`)
    .replaceAll(/\]\(\.\.\/\.\.\/(?=fixtures\/|README)/g, `](${repository}/`);

export default {
  paths: () =>
    readdirSync(folder).map((name) => ({
      params: { name },
      content: linked(name, readFileSync(new URL(`${name}/README.md`, folder), 'utf8')),
    })),
};
