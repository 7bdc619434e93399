/** TensorFlow keeps what XLA has compiled in a folder, if it is told to, and a later process takes it from there. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { build } from '../../../../test/process.ts';
import { onTensorFlow } from '../../test/training.ts';

const root = new URL('../../../../', import.meta.url);

/** Takes compiled steps and prints the losses. */
const SCRIPT = `
const { createRequire } = await import('node:module');
const root = ${JSON.stringify(root.href)};
const { compile } = await import(root + 'packages/native/dist/index.js');
const { adam } = await import(root + 'packages/adam/dist/index.js');
const tf = createRequire(new URL(root).pathname + 'package.json')('@tensorflow/tfjs-core');
const w = tf.variable(tf.randomNormal([20, 20], 0, 1, 'float32', 1));
const x = tf.randomNormal([10, 20], 0, 1, 'float32', 2);
const optimizer = adam({ learningRate: 0.01 });
const loss = () => tf.mean(tf.square(tf.tanh(tf.matMul(x, w))));
const step = compile(() => optimizer.minimize(loss, true), { xla: true });
for (let i = 0; i < 6; i++) console.log(step().dataSync()[0]);
`;

onTensorFlow(() => {
  it('a second process trains as the first one did, from what that has compiled', async () => {
    await build(['native', 'adam']);
    const folder = mkdtempSync(join(tmpdir(), 'xla-cache-'));
    const train = (): string[] => {
      const { stdout, status } = spawnSync('node', ['--input-type=module', '-e', SCRIPT], {
        encoding: 'utf8',
        env: { ...process.env, TF_XLA_FLAGS: `--tf_xla_persistent_cache_directory=${folder}` },
      });
      expect(status).toBe(0);
      return stdout.trim().split('\n');
    };
    const files = (): [string, number][] =>
      readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mtimeMs]);
    try {
      const first = train();
      const kept = files();
      expect(kept).toHaveLength(1);
      expect(train()).toEqual(first);
      // Compiled again, it would have been written again.
      expect(files()).toEqual(kept);
      expect(new Set(first).size).toBe(6);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
