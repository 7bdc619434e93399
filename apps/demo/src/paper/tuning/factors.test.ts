import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles, ratesOf } from '@tfjs-lrm/core';
import { enableTraining } from '@tfjs-lrm/kernels';
import {
  DEFAULT_RECIPE,
  languageModel,
  makeCorpus,
  minimizer,
  nextBatch,
  optimizerOf,
} from '@tfjs-lrm/language-model';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../../../../../test/backends.ts';
import { applyFactors, factorName, GROUPS } from './factors.ts';

const corpus = makeCorpus('the quick brown fox jumps over the lazy dog. '.repeat(60));
const size = { width: 16, blocks: 1, heads: 2, mlp: 24, context: 8, batch: 4, steps: 6 };
const FACTOR = 4;

beforeAll(async () => {
  await useBackend('wasm');
  enableTraining();
});

/** Logits after training. */
function trained(model: LayersModel, optimizer: 'adamw' | 'muon'): Float32Array {
  assignRoles(model);
  const recipe = { ...DEFAULT_RECIPE, optimizer, learningRate: 0.01, decay: 1, clip: 0 };
  const step = minimizer(
    model,
    optimizerOf(recipe, () => 1),
  );
  const random = xoroshiro128plus(1);
  const draw = () => {
    const { inputs, targets } = nextBatch(corpus.training, size.batch, size.context, random);
    const shape: [number, number] = [size.batch, size.context];
    return [tf.tensor2d(inputs, shape, 'int32'), tf.tensor2d(targets, shape, 'int32')] as const;
  };
  for (let i = 0; i < size.steps; i++) step(...draw());
  return (model.apply(draw()[0]) as tf.Tensor).dataSync() as Float32Array;
}

const plain = (): LayersModel => languageModel(size, corpus.vocabulary.length, false, 1);

it.each(['adamw', 'muon'] as const)(
  'a forward factor trains as a fixed scalar before the outputs does, under %s',
  (optimizer) => {
    const moved = plain();
    applyFactors(moved, { [factorName('forward', 'gate and up')]: FACTOR });
    // The other way: a scalar multiplier of the same value that is not trained.
    const fixed = addMultipliers(plain(), {
      placement: ({ name }) =>
        /_(gate|up)$/.test(name) ? { scalar: true, row: false, column: false } : null,
    });
    for (const weight of fixed.weights.filter(({ originalName }) => /scalar/.test(originalName))) {
      weight.write(tf.fill(weight.shape as number[], FACTOR));
      (weight.read() as tf.Variable).trainable = false;
    }
    const frozen = fixed.trainableWeights.filter(
      (weight) => (weight.read() as tf.Variable).trainable,
    );
    expect(frozen).toHaveLength(fixed.trainableWeights.length - 2);
    Object.defineProperty(fixed, 'trainableWeights', { value: frozen });
    const [a, b] = [trained(moved, optimizer), trained(fixed, optimizer)];
    const untouched = trained(plain(), optimizer);
    const distance = (x: Float32Array, y: Float32Array): number =>
      Math.max(...x.map((value, i) => Math.abs(value - (y[i] as number))));
    expect(distance(a, b)).toBeLessThan(1e-3);
    expect(distance(a, untouched)).toBeGreaterThan(0.1);
  },
);

it('gives each group factors of its own, with multipliers around its matrices too', () => {
  const factors = Object.fromEntries(
    GROUPS.flatMap((group, i) => [
      [factorName('rate', group), 2 + i],
      [factorName('decay', group), 10 + i],
    ]),
  );
  const model = languageModel(size, corpus.vocabulary.length, true, 1);
  applyFactors(model, factors);
  const rates = (weight: string) =>
    ratesOf(
      model.weights.find(({ originalName }) => originalName === weight)?.read() as tf.Variable,
    );
  expect(rates('embedding/embeddings')).toEqual({ learningRate: 2, decay: 10 });
  expect(rates('block0_key/kernel')).toEqual({ learningRate: 3, decay: 11 });
  expect(rates('block0_down/kernel')).toEqual({ learningRate: 6, decay: 14 });
  expect(rates('head/kernel')).toEqual({ learningRate: 7, decay: 15 });
  expect(rates('head/kernel/column_multiplier')).toEqual({ learningRate: 1, decay: 1 });
});
