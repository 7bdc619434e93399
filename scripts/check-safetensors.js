/**
 * `npm run check:safetensors -- PYTHON`: a folded MobileNetV2 through the package safetensors of that Python, and back. It
 * writes what Python saw to fixtures/safetensors/mobilenet.json, with which the tests compare where there is no Python.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './workspace.js';

const [python] = process.argv.slice(2);
if (python === undefined) {
  console.error(
    'check:safetensors: name a Python. Try npm run check:safetensors -- python3, after pip install -r fixtures/safetensors/requirements.txt.',
  );
  process.exit(1);
}
const { status } = spawnSync('npx', ['--no-install', 'vitest', 'run', 'src/mobilenet.test.ts'], {
  cwd: join(root, 'packages/safetensors'),
  env: { ...process.env, SAFETENSORS_PYTHON: python },
  stdio: 'inherit',
});
process.exit(status ?? 1);
