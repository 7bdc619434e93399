/**
 * package-lock.json records the hash of every package that npm installs (`integrity`) and not where it came from
 * (`resolved`), so that any registry will do and none can deliver something else. Each runs on the oldest Node that this
 * repository states, so that npm warns of none.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import semver from 'semver';
import { root } from './workspace.js';

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const installed = Object.entries(packages).filter(
  ([path, each]) => path.includes('node_modules/') && !each.link,
);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const oldest = semver.minVersion(manifest.engines.node);
const problems = installed.flatMap(([path, { integrity, resolved, engines, version }]) => [
  ...(integrity === undefined ? [`${path} has no integrity`] : []),
  ...(resolved === undefined ? [] : [`${path} is resolved to ${resolved}`]),
  ...(semver.satisfies(oldest, engines?.node ?? '*')
    ? []
    : [`${path} ${version} wants Node ${engines.node}, and this repository states ${oldest}`]),
]);
if (problems.length > 0) {
  console.error(`lock: ${problems.join('\nlock: ')}`);
  console.error(
    'Take package-lock.json from the last commit, and npm install with the .npmrc of this repository.',
  );
  process.exit(1);
}
console.log(
  `${installed.length} packages in package-lock.json, each with its integrity and for Node ${oldest}`,
);
