/**
 * Models of Keras 3 with every kind of layer, from their `.keras` files: predictions, multipliers, a step of training,
 * folding, and back. `npm run check:keras` does the same with models that it makes, larger ones too, and lets Keras load
 * what comes back.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { adam } from '@tfjs-lrm/adam';
import { enableTraining } from '@tfjs-lrm/kernels';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../../test/backends.ts';
import { casesIn, gapOf, type SavedCase, step } from '../../test/keras-cases.ts';
import { loadModel, modelToKeras } from '../index.ts';

/** Set by `npm run check:keras`. */
const { KERAS_MODELS: archive = 'keras-3.15.1.zip', KERAS_BACK: folder } = process.env;

const cases = casesIn(archive).map((saved) => [saved.name, saved] as const);

const load = (saved: SavedCase) => loadModel(saved.files['keras'] as Uint8Array);

/** Of several numbers in the largest scale of what is wanted. */
const scaleOf = (saved: SavedCase): number =>
  Math.max(1, ...saved.outputs.flatMap(({ values }) => values.map(Math.abs)));

/** Where a model has batch statistics, Keras' outputs after a step are those of training. */
const stepGap = (model: tf.LayersModel, saved: SavedCase, which: 'sgd' | 'adam'): number =>
  gapOf(model, saved, saved.steps[which] ?? [], (inputs) =>
    model.weights.some(({ originalName }) => originalName.endsWith('moving_mean'))
      ? (model.apply(inputs, { training: true }) as tf.Tensor)
      : model.predict(inputs),
  );

/** Noise differs, so there is no step of a model with noise. Keras adds epsilon before it corrects the second moment. */
function optimizersFor({ steps, rates }: SavedCase): Record<string, () => tf.Optimizer> {
  if (steps.sgd === undefined) return {};
  const epsilon = 1e-7 / Math.sqrt(1 - 0.999);
  return {
    sgd: () => tf.train.sgd(rates.sgd),
    adam: () => adam({ learningRate: rates.adam, epsilon }),
  };
}

const rows: Record<string, string>[] = [];

// Without it, tfjs lacks gradients of dilated convolutions, and has a wrong one of upSampling2d.
beforeAll(() => enableTraining());

/** The command trains on wasm, which takes a tenth of the time for the larger models. */
const backend = folder === undefined ? 'cpu' : 'wasm';

describe(`on ${backend}`, () => {
  beforeAll(() => useBackend(backend));
  afterAll(() => {
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'rows.json'), JSON.stringify(rows));
  });

  test.each(cases)(
    '%s',
    async (name, saved) => {
      const scale = scaleOf(saved);
      const row: Record<string, string> = { name };
      const note = (what: string, gap: number, within: number): void => {
        row[what] = gap.toExponential(1);
        expect(gap, `${name}: ${what}`).toBeLessThan(within * scale);
      };
      rows.push(row);
      note('predicts', gapOf(await load(saved), saved, saved.outputs), 1e-5);
      for (const [which, optimizer] of Object.entries(optimizersFor(saved))) {
        const model = await load(saved);
        step(model, saved, optimizer());
        // Where it is more, Keras' own rounding hides what differs.
        note(`${which} in Keras`, saved.rounding[which as 'sgd'] as number, 1e-4);
        note(which, stepGap(model, saved, which as 'sgd'), 1e-4);
        tf.disposeVariables();
      }
      const multiplied = addMultipliers(await load(saved));
      note('multiplied', gapOf(multiplied, saved, saved.outputs), 1e-5);
      const folded = foldMultipliers(multiplied);
      note('folded', gapOf(folded, saved, saved.outputs), 1e-5);
      const back = await modelToKeras(folded);
      note('back', gapOf(await loadModel(back), saved, saved.outputs), 1e-5);
      tf.disposeVariables();
      if (folder === undefined) return;
      mkdirSync(folder, { recursive: true });
      const { files: _, ...rest } = saved;
      writeFileSync(join(folder, `${name}.keras`), back);
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(rest));
    },
    600_000,
  );
});
