import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { byRole } from '@tfjs-lrm/core';
import { deserializeOptimizer } from '@tfjs-lrm/core/kit';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, smallModel, train, weightsOf } from '../../../test/models.ts';
import { step, tensorsLeftBy, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

type Options = Parameters<typeof withClipping>[1];

const inner = { className: 'SGD', config: { learningRate: 1 } };
const config = (options: Options): Record<string, unknown> =>
  JSON.parse(JSON.stringify(withClipping(tf.train.sgd(1), options).getConfig()));

/** Every pair of adapters and one stack of all of them, in orders that people will try. */
const STACKS: [string, () => tf.Optimizer][] = [
  ['clipping', () => withClipping(adam({ learningRate: 0.1 }), { globalNorm: 0.5 })],
  [
    'the recommended order',
    () =>
      withSchedule(
        withClipping(withWeightDecay(adam({ learningRate: 0.1 })), { globalNorm: 0.5 }),
        cosine({ steps: 9 }),
      ),
  ],
  [
    'the reverse order',
    () =>
      withWeightDecay(
        withClipping(withSchedule(adam({ learningRate: 0.1 }), cosine({ steps: 9 })), {
          globalNorm: 0.5,
          excluded: 'own-norm',
        }),
        { cautious: true },
      ),
  ],
  [
    'clipping twice, decay twice',
    () =>
      withClipping(
        withWeightDecay(withClipping(withWeightDecay(tf.train.momentum(0.1, 0.9)), { value: 0.1 })),
        { adaptive: 0.5, globalNorm: Infinity },
      ),
  ],
  [
    'a group each',
    () =>
      withSchedule(
        byRole({
          matrix: withClipping(withWeightDecay(tf.train.adam(0.05)), { perVariableNorm: 0.3 }),
          default: withClipping(adam({ learningRate: 0.1 }), { nonFinite: 'skip', globalNorm: 1 }),
        }),
        cosine({ steps: 9 }),
      ),
  ],
];

async function trained(make: () => tf.Optimizer, stops: number[]): Promise<number[][]> {
  let model: LayersModel = smallModel();
  model.compile({ optimizer: make(), loss: 'meanSquaredError' });
  for (let at = 0; at < 7; at++) {
    if (stops.includes(at)) model = await reload(model);
    await train(model, at, at + 1);
  }
  return weightsOf(model);
}

onCpu(() => {
  test.each(STACKS)(
    '%s: saved, loaded and continued equals never having stopped, bit for bit',
    async (_, make) => {
      const whole = await trained(make, []);
      expect(await trained(make, [3])).toEqual(whole);
      expect(await trained(make, [0, 1, 5])).toEqual(whole);
    },
  );

  test.each(STACKS)(
    '%s: the configuration is the same after a file, and dispose frees everything',
    async (_, make) => {
      const model = smallModel();
      const left = await tensorsLeftBy(async () => {
        const optimizer = make();
        model.compile({ optimizer, loss: 'meanSquaredError' });
        await train(model, 0, 2);
        const loaded = await reload(model);
        expect(loaded.optimizer.getConfig()).toEqual(optimizer.getConfig());
        await train(loaded, 2, 3);
        optimizer.dispose();
        loaded.optimizer.dispose();
        loaded.dispose();
      });
      expect(left).toBe(0);
      model.dispose();
    },
  );

  test('the configuration holds what was given, the exclusion resolved', () => {
    expect(config({ globalNorm: 1 })).toEqual({
      globalNorm: 1,
      measure: false,
      exclude: 'multiplier',
      inner,
    });
    const all: Options = {
      globalNorm: 1,
      perVariableNorm: 2,
      value: 3,
      adaptive: 4,
      exclude: ['vector', { name: 'dense_1/kernel_2' }],
      excluded: 'own-norm',
      nonFinite: 'zero',
    };
    expect(config(all)).toEqual({ ...all, measure: false, inner });
    expect(config({ value: 1, exclude: undefined, globalNorm: undefined })).toEqual({
      value: 1,
      measure: false,
      exclude: 'multiplier',
      inner,
    });
  });

  test.each([
    [{ globalNorm: Infinity }],
    [{ globalNorm: Infinity, value: 2 }],
    [{ value: Infinity }],
    [{ perVariableNorm: Infinity, adaptive: Infinity }],
    [{ nonFinite: 'zero' }],
  ] as [Options][])('%j survives a file, in which there is no infinity', async (options) => {
    const model = smallModel();
    const optimizer = withClipping(tf.train.sgd(1), options);
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const loaded = (await reload(model)).optimizer as ReturnType<typeof withClipping>;
    expect(JSON.stringify(loaded.getConfig())).not.toContain('null');
    expect(loaded.getConfig()).toEqual(optimizer.getConfig());
    step(loaded, [[variable([0, 0], [2]), [3, 4]]]);
    if (options.globalNorm === undefined)
      await expect(loaded.norms()).rejects.toThrow('nothing is measured');
    else expect(await loaded.norms()).toMatchObject({ coefficient: 1 });
  });

  test('a null in a file is an absent option, an unknown key is ignored', () => {
    const data = {
      className: 'LrmClipping',
      config: { globalNorm: 1, value: null, later: 5, customObjects: {}, inner },
    };
    expect(deserializeOptimizer('here', data).getConfig()).toEqual({
      globalNorm: 1,
      measure: false,
      exclude: 'multiplier',
      inner,
    });
  });

  test('a selector that cannot be saved is named by getConfig', async () => {
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: 1, exclude: () => false });
    expect(() => optimizer.getConfig()).toThrow(
      'withClipping: "exclude" holds a function, which cannot be saved. Use roles or { name }, or rebuild the optimizer in code and call setWeights.',
    );
    await expect(optimizer.getWeights()).resolves.toHaveLength(2);
  });

  test.each([
    [{ globalnorm: 1 }, 'withClipping: unknown option "globalnorm". Did you mean "globalNorm"?'],
    [{ clipnorm: 1 }, 'withClipping: unknown option "clipnorm". Did you mean'],
    [{ globalNorm: 0 }, 'withClipping: "globalNorm" must be a number > 0. Received 0. Try 1.'],
    [{ value: -1 }, 'withClipping: "value" must be a number > 0. Received -1. Try 1.'],
    [
      { adaptive: Number.NaN },
      'withClipping: "adaptive" must be a number > 0. Received NaN. Try 1.',
    ],
    [
      { perVariableNorm: '1' },
      'withClipping: "perVariableNorm" must be a number > 0. Received "1". Try 1.',
    ],
    [
      { globalNorm: 1, excluded: 'own' },
      `"excluded" must be one of 'untouched', 'own-norm', 'scaled'. Received "own".`,
    ],
    [
      { nonFinite: 'ignore' },
      `"nonFinite" must be one of 'propagate', 'zero', 'skip', 'throw'. Received "ignore".`,
    ],
    [{ globalNorm: 1, exclude: 'multipliers' }, 'withClipping: "exclude" must be a role'],
    [
      {},
      'withClipping: give at least one of globalNorm, perVariableNorm, value, adaptive. Received none. Try withClipping(optimizer, { globalNorm: 1 }).',
    ],
    [{ exclude: 'vector' }, 'withClipping: give at least one of'],
    [
      undefined,
      'withClipping: options must be one object. Received undefined. Try withClipping({ globalNorm }).',
    ],
    [1, 'withClipping: options must be one object. Received 1.'],
  ])('%j is refused, and the optimizer stays free', (options, message) => {
    const sgd = tf.train.sgd(1);
    expect(() => withClipping(sgd, options as never)).toThrow(message);
    expect(() => withClipping(sgd, { globalNorm: 1 })).not.toThrow();
  });

  test.each([{ globalNorm: -1 }, { excluded: 'x' }, { nonFinite: 5 }, { exclude: 'x' }])(
    '%j in a file is refused',
    (wrong) => {
      const data = { className: 'LrmClipping', config: { globalNorm: 1, ...wrong, inner } };
      expect(() => deserializeOptimizer('here', data)).toThrow(/^withClipping: "/);
    },
  );
});
