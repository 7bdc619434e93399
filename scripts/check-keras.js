/**
 * `npm run check:keras -- PYTHON`: that Python's Keras makes models of every kind of layer, and larger ones; they are loaded
 * here, trained for a step, given multipliers, folded, written back, and loaded by Keras again. Prints a table of the
 * largest differences in the outputs, and fails where one is too large. `--small` leaves out the larger models, and
 * `--only NAME ...` takes these alone.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './workspace.js';

const [python, ...options] = process.argv.slice(2);
if (python === undefined) {
  console.error(
    'check:keras: name a Python. Try npm run check:keras -- python3, after pip install keras torch h5py; --small leaves out the larger models, --only NAME ... takes these alone.',
  );
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'tfjs-lrm-keras-'));
const [archive, back] = [join(folder, 'models.zip'), join(folder, 'back')];
const fixtures = join(root, 'fixtures/keras');

function run(command, args, env = {}, stdout = 'inherit') {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, 'inherit'],
    encoding: 'utf8',
  });
  return { isRight: result.status === 0, output: result.stdout };
}

const MOST = 1e-5;
try {
  const large = options.includes('--small') ? [] : ['--large'];
  const only = options.includes('--only') ? options.slice(options.indexOf('--only')) : [];
  const save = [join(fixtures, 'save.py'), archive, '--formats', 'keras', ...large, ...only];
  const saved = run(python, save);
  if (!saved.isRight) process.exit(1);
  const test = ['--no-install', 'vitest', 'run', 'packages/loading/src/keras/zoo.test.ts'];
  const tested = run('npx', test, { KERAS_MODELS: archive, KERAS_BACK: back });
  const { keras, gaps } = JSON.parse(
    run(python, [join(fixtures, 'compare.py'), back], {}, 'pipe').output,
  );
  const rows = JSON.parse(readFileSync(join(back, 'rows.json'), 'utf8')).map((row) => {
    const gap = gaps[row.name];
    return { ...row, [`Keras ${keras}`]: typeof gap === 'number' ? gap.toExponential(1) : gap };
  });
  console.table(rows);
  // The test compares with the scale of the outputs, which is that of random weights.
  const wrong = Object.values(gaps).some((gap) => !(gap < 10 * MOST));
  if (!tested.isRight || wrong) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
