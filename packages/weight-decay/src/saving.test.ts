import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { byRole, OptimizerAdapter } from '@tfjs-lrm/core';
import { deserializeOptimizer } from '@tfjs-lrm/core/kit';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, smallModel, train, weightsOf } from '../../../test/models.ts';
import { Factor } from '../../../test/optimizers.ts';
import { hostReads, step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { withWeightDecay } from './index.ts';

type Options = Parameters<typeof withWeightDecay>[1];

const VARIANTS: [string, () => tf.Optimizer][] = [
  ['adam', () => withWeightDecay(adam({ learningRate: 0.05 }))],
  ['cautious', () => withWeightDecay(tf.train.momentum(0.05, 0.9), { decay: 0.5, cautious: true })],
  [
    'independent',
    () => withWeightDecay(tf.train.rmsprop(0.05), { decay: 0.01, coupling: 'independent' }),
  ],
  [
    'inside a factor',
    () => new Factor(withWeightDecay(tf.train.sgd(0.1), { decay: { vector: 1 } }), 0.5),
  ],
  [
    'excluding',
    () =>
      withWeightDecay(adam({ learningRate: 0.05 }), {
        decay: 1,
        exclude: ['vector', { name: 'out/kernel' }],
      }),
  ],
  [
    'byRole',
    () =>
      withWeightDecay(
        byRole({ matrix: tf.train.adam(0.05), default: adam({ learningRate: 0.1 }) }),
      ),
  ],
];

async function trained(make: () => tf.Optimizer, stops: number[]): Promise<number[][]> {
  let model: LayersModel = smallModel();
  model.compile({ optimizer: make(), loss: 'meanSquaredError' });
  for (let at = 0; at < 6; at++) {
    if (stops.includes(at)) model = await reload(model);
    await train(model, at, at + 1);
  }
  return weightsOf(model);
}

onCpu(() => {
  test.each(VARIANTS)(
    '%s: saved, loaded and continued equals never having stopped, bit for bit',
    async (_, make) => {
      const whole = await trained(make, []);
      expect(await trained(make, [2])).toEqual(whole);
      expect(await trained(make, [0, 3, 5])).toEqual(whole);
    },
  );

  test('the configuration holds every option, resolved, and survives a file', async () => {
    const optimizer = withWeightDecay(tf.train.sgd(1), {
      decay: 0.25,
      coupling: 'learning-rate-squared',
      cautious: true,
      exclude: ['head', { name: 'dense_1/kernel_2' }],
    });
    const config = {
      decay: { matrix: 0.25, embedding: 0.25, head: 0.25, multiplier: 2e-3, vector: 0 },
      coupling: 'learning-rate-squared',
      cautious: true,
      exclude: ['head', { name: 'dense_1/kernel_2' }],
      inner: { className: 'SGD', config: { learningRate: 1 } },
    };
    expect(optimizer.getConfig()).toEqual(config);
    const model = smallModel();
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const loaded = await reload(model);
    expect(loaded.optimizer.getClassName()).toBe('LrmWeightDecay');
    expect(loaded.optimizer.getConfig()).toEqual(config);
  });

  test('a selector that cannot be saved is named by getConfig, and getWeights works all the same', async () => {
    const target = variable([1], [1, 1]);
    for (const [exclude, kind] of [
      [() => false, 'function'],
      [['vector', variable([1], [1])], 'variable'],
    ] as const) {
      const make = (): OptimizerAdapter =>
        withWeightDecay(tf.train.momentum(1, 0.5), { exclude } as Options);
      const optimizer = make();
      step(optimizer, [[target, [0]]]);
      expect(() => optimizer.getConfig()).toThrow(
        `withWeightDecay: "exclude" holds a ${kind}, which cannot be saved.`,
      );
      await expect(make().setWeights(await optimizer.getWeights())).resolves.toBeUndefined();
    }
  });

  test.each([
    [
      { decay: -0.1 },
      'withWeightDecay: "decay" must be a finite number >= 0. Received -0.1. Try 0.1.',
    ],
    [{ decay: Infinity }, '"decay" must be a finite number >= 0. Received Infinity.'],
    [{ decay: '0.1' }, '"decay" must be a finite number >= 0. Received "0.1".'],
    [{ decay: null }, '"decay" must be a finite number >= 0. Received null.'],
    [
      { decay: { matrx: 0.1 } },
      '"decay" must have only roles as keys (matrix, embedding, head, multiplier, vector), not "matrx".',
    ],
    [{ decay: { matrix: -1 } }, '"decay" must hold finite numbers >= 0, not -1 for "matrix".'],
    [
      { coupling: 'independant' },
      `"coupling" must be one of 'learning-rate', 'independent', 'learning-rate-squared'. Received "independant". Try 'independent'.`,
    ],
    [{ cautious: 'yes' }, '"cautious" must be true or false. Received "yes". Try false.'],
    [{ exclude: 'vectors' }, 'withWeightDecay: "exclude" must be a role'],
    [{ weightDecay: 0.1 }, 'withWeightDecay: unknown option "weightDecay". Did you mean "decay"?'],
  ])('%j is refused, and the optimizer stays free', (options, message) => {
    const sgd = tf.train.sgd(1);
    expect(() => withWeightDecay(sgd, options as never)).toThrow(message);
    expect(() => withWeightDecay(sgd)).not.toThrow();
    const inner = { className: 'SGD', config: { learningRate: 1 } };
    const data = { className: 'LrmWeightDecay', config: { ...options, inner } };
    const isIgnored = 'weightDecay' in options || ('decay' in options && options.decay === null);
    if (isIgnored)
      expect(deserializeOptimizer('here', data) instanceof OptimizerAdapter).toBe(true);
    else expect(() => deserializeOptimizer('here', data)).toThrow(message);
  });

  test('options are one object', () => {
    expect(() => withWeightDecay(tf.train.sgd(1), 0.1 as never)).toThrow(
      'withWeightDecay: options must be one object. Received 0.1. Try withWeightDecay({ decay }).',
    );
  });

  test('a step leaves no tensor behind, waits for no value, and dispose frees everything', async () => {
    const targets = [
      variable([1], [1, 1], 'kernel'),
      variable([1], [1], 'row_multiplier'),
      variable([1], [1], 'bias'),
    ];
    for (const coupling of ['learning-rate', 'independent', 'learning-rate-squared'] as const) {
      const left = await tensorsLeftBy(async () => {
        const optimizer = withWeightDecay(adam(), { coupling });
        const take = (): void =>
          step(
            optimizer,
            targets.map((v) => [v, [1]]),
          );
        take();
        expect(await tensorsLeftBy(take)).toBe(0);
        expect(hostReads(take)).toBe(0);
        optimizer.dispose();
      });
      expect(left).toBe(0);
    }
    expect(targets.flatMap(values)).toHaveLength(3);
  });
});
