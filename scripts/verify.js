/**
 * `npm run verify`: everything that can be checked without running the packages' tests. All checks run, also
 * after one fails; the names of the failed ones come last. `npm run verify -- api traps` runs those alone.
 */
import { spawnSync } from 'node:child_process';
import { findPackages, root } from './workspace.js';

/** Name of the check, and the commands it consists of. */
const checks = {
  build: ['turbo run build --output-logs=errors-only'],
  types: ['tsc -p tsconfig.tests.json'],
  lint: ['biome check --error-on-warnings .'],
  unused: ['knip'],
  files: ['node scripts/check-files.js'],
  imports: ['node scripts/check-imports.js'],
  workspaces: ['sherif', 'node scripts/check-lock.js'],
  packages: ['node scripts/check-packages.js'],
  tarballs: findPackages().flatMap(({ path }) => [
    `publint --strict ${path}`,
    `attw --pack ${path} --profile esm-only --format table-flipped`,
  ]),
  api: ['node scripts/api.js'],
  examples: ['vitest run --config docs/vitest.config.ts'],
  docs: ['npm run docs:build'],
  traps: ['node scripts/check-traps.js'],
  workflows: ['node scripts/check-workflows.js'],
  wasm: ['node scripts/build-wasm.js'],
  sizes: ['node scripts/sizes.js'],
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in checks));
if (unknown.length > 0) {
  console.error(`verify: no check ${unknown.join(', ')}. Try ${Object.keys(checks).join(', ')}.`);
  process.exit(1);
}

const failed = [];
for (const [name, commands] of Object.entries(checks)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const began = performance.now();
  const broken = commands.filter((command) => {
    const result = spawnSync(
      `${/^(node|npm) /.test(command) ? '' : 'npx --no-install '}${command}`,
      { cwd: root, shell: true, encoding: 'utf8' },
    );
    for (const [note] of result.stdout.matchAll(/^note: .*$/gm)) console.log(note);
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
