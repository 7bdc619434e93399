/**
 * `npm run tarballs`: packs every package, as built, into `tarballs/`, so that a project can install them before they
 * are in a registry: npm install @tensorflow/tfjs PATH/TO/tarballs/*.tgz. (A link into this checkout would bring a
 * second copy of tfjs.)
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from './run.js';
import { findPackages, root } from './workspace.js';

const folder = join(root, 'tarballs');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const packages = findPackages().map(({ directory }) => directory);
run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder, ...packages], { cwd: root });
console.log(
  `${packages.length} packages packed. In your project: npm install @tensorflow/tfjs ${relative(process.cwd(), folder) || '.'}/*.tgz`,
);
