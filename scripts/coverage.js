/**
 * `npm run coverage`: runs the packages' tests in one process group and prints, for each package, how many of its
 * lines and branches they run, and which they do not. Code that runs only in a process that a test starts counts as
 * not run. Takes as long as the tests. `npm run coverage -- core adam` runs only those packages' tests.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findPackages, root } from './workspace.js';

const names = process.argv.slice(2);
const packages = findPackages().filter(
  ({ folder }) => names.length === 0 || names.includes(folder),
);
if (packages.length < names.length) {
  console.error(`coverage: no such package among ${names.join(', ')}. Try npm run coverage`);
  process.exit(1);
}
const folder = join(root, 'coverage');
rmSync(folder, { recursive: true, force: true });
const { status } = spawnSync(
  'npx',
  [
    '--no-install',
    'vitest',
    'run',
    ...packages.map(({ path }) => path),
    '--reporter=dot',
    '--coverage.enabled',
    ...packages.map(({ path }) => `--coverage.include=${path}/src/**/*.ts`),
    '--coverage.exclude=**/*.test.ts',
    '--coverage.reporter=json',
    '--coverage.reporter=json-summary',
    `--coverage.reportsDirectory=${folder}`,
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);

const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const summary = Object.entries(read('coverage-summary.json'));
const details = Object.entries(read('coverage-final.json'));

const share = (files, kind) => {
  const sum = (key) => files.reduce((total, [, file]) => total + file[kind][key], 0);
  return `${((100 * sum('covered')) / Math.max(1, sum('total'))).toFixed(1)} %`;
};

console.table(
  packages.map(({ name, directory }) => {
    const files = summary.filter(([file]) => file.startsWith(`${directory}/`));
    return { package: name, lines: share(files, 'lines'), branches: share(files, 'branches') };
  }),
);

console.log('Not run:');
for (const [file, { statementMap, s, branchMap, b }] of details) {
  const statements = Object.keys(s).filter((id) => s[id] === 0);
  const branches = Object.keys(b).flatMap((id) =>
    b[id].flatMap((count, i) => (count === 0 ? [branchMap[id].locations[i]] : [])),
  );
  const lines = [...statements.map((id) => statementMap[id]), ...branches].map(
    ({ start }) => start.line,
  );
  const unique = [...new Set(lines)].filter(Boolean).toSorted((a, c) => a - c);
  if (unique.length > 0) console.log(`  ${relative(root, file)}: ${unique.join(', ')}`);
}
process.exitCode = status;
