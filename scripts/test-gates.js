/**
 * `npm run test:gates`: makes one mistake of each kind in a copy of the checkout and shows that `npm run verify`
 * fails there, in the check that is for it, with a message that names it. `npm run test:gates -- trap` makes those
 * alone whose name holds the word.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyCheckout } from './rehearse/release.js';
import { run } from './run.js';

process.env['NO_COLOR'] = '1';
const work = mkdtempSync(join(tmpdir(), 'gates-'));
const copy = join(work, 'repository');

function edit(path, change) {
  const file = join(copy, path);
  const before = readFileSync(file, 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`the mistake in ${path} changes nothing`);
  writeFileSync(file, after);
}

const noise = (length) => {
  let state = 1;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return (state % 94) + 33;
  };
  return JSON.stringify(String.fromCharCode(...Array.from({ length }, next)));
};

/** What is done, the checks of verify that run, and what their message must say. */
const MISTAKES = {
  'a deep import': {
    make: () =>
      edit('packages/muon/src/muon.ts', (text) => `import '../../core/src/check.ts';\n${text}`),
    checks: ['packages'],
    says: /muon: src\/muon\.ts imports '\.\.\/\.\.\/core\/src\/check\.ts'.*outside its package/,
  },
  'a peer turned dependency': {
    make: () =>
      edit('packages/adam/package.json', (text) =>
        text.replace(
          '"dependencies": {',
          '"dependencies": {\n "@tensorflow/tfjs-core": "^4.22.0",',
        ),
      ),
    checks: ['packages'],
    says: /adam: @tensorflow\/tfjs-core is a dependency/,
  },
  'a type that is any': {
    make: () =>
      edit('packages/schedule/src/schedules.ts', (text) =>
        text.replace('constant(): Schedule', 'constant(): any'),
      ),
    checks: ['build', 'packages'],
    says: /schedule: dist\/schedules\.d\.ts has an `any`/,
  },
  'an undocumented export': {
    make: () => {
      edit('packages/adam/src/adam.ts', (text) => `${text}\nexport const secret: number = 1;\n`);
      edit('packages/adam/src/index.ts', () => "export { adam, secret } from './adam.ts';\n");
    },
    checks: ['docs'],
    says: /secret.*does not have any documentation/,
  },
  'a dead link': {
    make: () => edit('docs/guides/deploy.md', (text) => `${text}\n[gone](./nowhere)\n`),
    checks: ['docs'],
    says: /dead link.*nowhere/i,
  },
  'a broken example': {
    make: () =>
      edit('packages/adam/README.md', (text) =>
        text.replace('adam({ learningRate:', 'adam({ learningrate:'),
      ),
    checks: ['examples'],
    says: /adam: .*learningrate.*/,
  },
  'an export removed without a changeset': {
    make: () => {
      run('npx', ['--no-install', 'changeset', 'version'], { cwd: copy });
      run('node', ['scripts/api.js', '--write'], { cwd: copy });
      edit('packages/muon/src/index.ts', (text) => text.replace(/^.*orthogonalize.*\n/m, ''));
    },
    checks: ['api'],
    says: /muon: "orthogonalize" is exported no more since .*, and no changeset says "minor"/,
  },
  'a package over its budget': {
    make: () =>
      edit('packages/adam/src/adam.ts', (text) => `${text}\nconsole.log(${noise(4000)});\n`),
    checks: ['build', 'sizes'],
    says: /@tfjs-lrm\/adam\s[\s\S]*exceeded/i,
  },
  'a size that is no more': {
    make: () =>
      edit('README.md', (text) => text.replace(/(adam\/README\.md\) \| )[\d.]+/, '$19.9')),
    checks: ['build', 'sizes'],
    says: /@tfjs-lrm\/adam: README\.md says 9\.9 kB, and it has [\d.]+ kB/,
  },
  'a trap without its test': {
    make: () =>
      edit('docs/traps.md', (text) =>
        text.replace('› a name beats the rank', '› a name beats nothing at all'),
      ),
    checks: ['traps'],
    says: /B4: packages\/core\/src\/roles\.test\.ts has no test "a name beats nothing/,
  },
  'a lock file without integrity': {
    make: () =>
      edit('package-lock.json', (text) => text.replace(/^ *"integrity": "[^"]*",\n/m, '')),
    checks: ['workspaces'],
    says: /lock: .*node_modules\/.* has no integrity/,
  },
  'a package for another Node': {
    make: () =>
      edit('package-lock.json', (text) =>
        text.replace(/("node_modules\/vite": \{[\s\S]*?"node": ")[^"]*/, '$1>=99'),
      ),
    checks: ['workspaces'],
    says: /lock: node_modules\/vite .* wants Node >=99, and this repository states 20/,
  },
  'a tracked file that .gitignore names': {
    make: () => {
      writeFileSync(join(copy, 'packages/adam/tsconfig.tsbuildinfo'), '{}');
      run('git', ['add', '--force', 'packages/adam/tsconfig.tsbuildinfo'], { cwd: copy });
    },
    checks: ['files'],
    says: /files: packages\/adam\/tsconfig\.tsbuildinfo is tracked, and \.gitignore names it/,
  },
  'a tracked file that .gitignore should name': {
    make: () => {
      writeFileSync(join(copy, 'npm-debug.orig'), '');
      run('git', ['add', 'npm-debug.orig'], { cwd: copy });
    },
    checks: ['files'],
    says: /files: npm-debug\.orig is tracked, and \.gitignore should name its kind/,
  },
  'a circle of types': {
    make: () =>
      edit(
        'packages/adam/src/cohorts.ts',
        (text) => `import type { adam } from './adam.ts';\n${text}\nexport type A = typeof adam;\n`,
      ),
    checks: ['imports'],
    says: /imports: a circle of packages\/adam\/src\/adam\.ts, packages\/adam\/src\/cohorts\.ts/,
  },
  'an action that is not pinned': {
    make: () =>
      edit('.github/workflows/ci.yml', (text) =>
        text.replace(/actions\/checkout@.*/, 'actions/checkout@v7'),
      ),
    checks: ['workflows'],
    says: /actions\/checkout@v7" must name a full commit/,
  },
};

const words = process.argv.slice(2);
const chosen = Object.entries(MISTAKES).filter(
  ([name]) => words.length === 0 || words.some((word) => name.includes(word)),
);

let failed = 0;
try {
  copyCheckout(copy, {});
  const clean = [...new Set(chosen.flatMap(([, { checks }]) => checks))];
  run('node', ['scripts/verify.js', 'build', ...clean], { cwd: copy });
  console.log(`ok    without a mistake: ${clean.join(', ')} pass\n`);
  for (const [name, { make, checks, says }] of chosen) {
    make();
    let message = null;
    try {
      run('node', ['scripts/verify.js', ...checks], { cwd: copy });
    } catch (error) {
      message = error.message;
    }
    const caught = message?.match(says)?.[0];
    if (caught === undefined) {
      failed++;
      console.log(`FAIL  ${name}: verify ${message === null ? 'passes' : `says\n${message}`}\n`);
    } else {
      const lines = message.split('\n').filter((line) => says.test(line));
      console.log(
        `ok    ${name}: verify's "${checks.at(-1)}" fails\n      ${(lines[0] ?? caught).trim()}\n`,
      );
    }
    run('git', ['reset', '--quiet', '--hard'], { cwd: copy });
    run('git', ['clean', '-qfd'], { cwd: copy });
  }
} finally {
  run('rm', ['-rf', work], { cwd: tmpdir() });
}
if (failed > 0) {
  console.error(`test:gates: verify misses ${failed} of ${chosen.length} mistakes`);
  process.exitCode = 1;
}
