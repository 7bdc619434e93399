/** The packages of the workspace, read from their folders, so that no script keeps a list of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Every published package: its manifest and folders. A package that runs in Node alone says so by a `browser`
 * condition in its exports, whose module explains that to whoever bundles it.
 */
export function findPackages(base = root) {
  return readdirSync(join(base, 'packages')).map((folder) => {
    const path = join('packages', folder);
    const manifest = JSON.parse(readFileSync(join(base, path, 'package.json'), 'utf8'));
    const nodeOnly = manifest.exports?.['.']?.browser !== undefined;
    return { name: manifest.name, folder, path, directory: join(base, path), manifest, nodeOnly };
  });
}

/** The code of the examples that a page shows, what its lines install, and the command of ours that sets it up. */
export function readPage(path) {
  const text = readFileSync(path, 'utf8');
  const words = (pattern) =>
    [...text.matchAll(pattern)].flatMap(([, line]) => line.trim().split(/\s+/));
  return {
    examples: [...text.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)].map(([, code]) => code),
    install: words(/^npm install ([^#\n]*)/gm),
    setup: words(/^npx (@tfjs-lrm\/.*)$/gm),
  };
}
