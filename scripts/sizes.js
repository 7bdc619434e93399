/**
 * The size of each entry of a package, minified and compressed, against its budget in .size-limit.json and against what the
 * table of README.md says of the main ones, which may be 5 % off. `--write` puts the sizes as they are into the table.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspace.js';

const TOLERANCE = 0.05;
const readme = join(root, 'README.md');

const { stdout, stderr } = spawnSync('npx', ['--no-install', 'size-limit', '--json'], {
  cwd: root,
  encoding: 'utf8',
});
const start = stdout.indexOf('[\n');
if (start < 0) throw new Error(`size-limit gave no sizes: ${stdout}${stderr}`);
const sizes = JSON.parse(stdout.slice(start));

const inKilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
let text = readFileSync(readme, 'utf8');
const problems = sizes.flatMap(({ name, size, sizeLimit, passed }) => {
  const over = passed
    ? []
    : [`${name} has exceeded its budget of ${sizeLimit / 1000} kB: ${size / 1000} kB`];
  if (name.split('/').length > 2) return over;
  const row = new RegExp(`(\\[\`${name}\`\\]\\([^)]*\\) \\| )([\\d.]+) kB`);
  const shown = text.match(row)?.[2];
  if (shown === undefined) return [...over, `${name}: the table of README.md has no size of it`];
  text = text.replace(row, `$1${inKilobytes(size)}`);
  const isOff = Math.abs(1000 * Number(shown) - size) > TOLERANCE * size;
  const off = `${name}: README.md says ${shown} kB, and it has ${inKilobytes(size)}. Write the sizes: node scripts/sizes.js --write`;
  return isOff && !process.argv.includes('--write') ? [...over, off] : over;
});
if (process.argv.includes('--write')) writeFileSync(readme, text);
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`${sizes.length} packages within their budgets, and as large as README.md says`);
