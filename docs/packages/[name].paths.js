/** One page a package: its README. */
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../packages/', import.meta.url);

export default {
  paths: () =>
    readdirSync(folder).map((name) => ({
      params: { name },
      content: readFileSync(new URL(`${name}/README.md`, folder), 'utf8'),
    })),
};
