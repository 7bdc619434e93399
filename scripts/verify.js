/**
 * `npm run verify`: everything that can be checked without running the packages' tests. All checks run, also
 * after one fails; the names of the failed ones come last.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = readdirSync(new URL('../packages', import.meta.url)).map(
  (name) => `packages/${name}`,
);

/** Name of the check, and the commands it consists of. */
const checks = {
  build: ['turbo run build --output-logs=errors-only'],
  types: ['tsc -p tsconfig.tests.json'],
  lint: ['biome check --error-on-warnings .'],
  unused: ['knip'],
  workspaces: ['sherif'],
  packages: packages.flatMap((path) => [
    `publint --strict ${path}`,
    `attw --pack ${path} --profile esm-only --format table-flipped`,
  ]),
  examples: ['vitest run --config docs/vitest.config.ts'],
  traps: ['node scripts/check-traps.js'],
  sizes: ['size-limit'],
};

const failed = [];
for (const [name, commands] of Object.entries(checks)) {
  const began = performance.now();
  const broken = commands.filter((command) => {
    const result = spawnSync(
      `${command.startsWith('node ') ? '' : 'npx --no-install '}${command}`,
      { cwd: root, shell: true, encoding: 'utf8' },
    );
    if (result.status === 0) return false;
    console.error(`\n$ ${command}\n${result.stdout}${result.stderr}`);
    return true;
  });
  if (broken.length > 0) failed.push(name);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${broken.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
}
if (failed.length > 0) {
  console.error(`\nverify: failed: ${failed.join(', ')}. The output of each command stands above.`);
  process.exit(1);
}
