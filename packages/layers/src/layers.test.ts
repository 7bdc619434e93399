/** What holds of every layer: saving, dtypes, shapes, masks, roles, options, memory. */
import * as tf from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  type layers,
  loadLayersModel,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { assignRoles, describeRoles, roleOf } from '@tfjs-lrm/core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { beforeAll, describe, expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { difference } from '../test/golden.ts';
import { hybrid } from '../test/hybrid.ts';
import { causalSelfAttention, crossEntropy, gatedProduct, mamba2, rmsNorm } from './index.ts';

const IDS = [
  [1, 2, 3, 4, 5, 6],
  [6, 5, 4, 3, 2, 1],
];
const ids = (rows: number[][] = IDS): tf.Tensor2D => tf.tensor2d(rows, undefined, 'int32');

/** A model as it comes out of a file. */
async function throughFile(model: LayersModel): Promise<LayersModel> {
  let artifacts: tf.io.ModelArtifacts | null = null;
  await model.save(
    tf.io.withSaveHandler(async (saved) => {
      artifacts = JSON.parse(JSON.stringify({ ...saved, weightData: null }));
      artifacts!.weightData = saved.weightData as ArrayBuffer;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(saved) };
    }),
  );
  return loadLayersModel(tf.io.fromMemory(artifacts!));
}

const outputs = (model: LayersModel, rows: number[][] = IDS): number[] =>
  tf.tidy(() => values(model.apply(ids(rows)) as tf.Tensor));

/** The settings of the layers of this package. */
const settingsOf = (model: LayersModel): unknown[] =>
  model.layers.flatMap((layer) => ('settings' in layer ? [layer.name, layer.settings] : []));

eachBackend(() => {
  beforeAll(() => enableTraining());

  it('a model with multipliers trains, folds, and is saved and loaded with the same outputs', async () => {
    const plain = hybrid({ chunk: 4, window: 4, queryKeyNorm: true, innerNorm: true });
    const model = addMultipliers(plain);
    expect(difference(outputs(model), outputs(plain))).toBeLessThan(1e-6);
    const optimizer = muon({ learningRate: 0.02 });
    const [x, y] = [ids(), ids(IDS.map((row) => [...row.slice(1), 0]))];
    const step = (): number =>
      tf.tidy(
        () =>
          optimizer
            .minimize(
              () => crossEntropy(y, model.apply(x, { training: true }) as tf.Tensor),
              true,
              model.trainableWeights.map((weight) => weight.read() as tf.Variable),
            )!
            .dataSync()[0]!,
      );
    assignRoles(model);
    const first = step();
    // Frees the effective kernels that the predictions above have cached.
    step();
    const before = tf.memory().numTensors;
    let last = 0;
    for (let i = 0; i < 15; i++) last = step();
    expect(tf.memory().numTensors).toBe(before);
    expect(last).toBeLessThan(0.8 * first);
    const folded = foldMultipliers(model);
    expect(difference(outputs(folded), outputs(model))).toBeLessThan(1e-5);
    for (const saved of [model, folded]) {
      const loaded = await throughFile(saved);
      expect(outputs(loaded)).toEqual(outputs(saved));
      expect(settingsOf(loaded)).toEqual(settingsOf(saved));
      loaded.dispose();
    }
    for (const each of [plain, model, folded, optimizer]) each.dispose();
    tf.dispose([x, y]);
  });

  it('padded steps change nothing: a padded sequence gives what it gives by itself', () => {
    const model = hybrid({ chunk: 3, maskZero: true });
    tf.tidy(() => {
      const padded = model.apply(ids([[3, 1, 4, 1, 5, 0, 0, 0]])) as tf.Tensor;
      const alone = model.apply(ids([[3, 1, 4, 1, 5]])) as tf.Tensor;
      const head = tf.slice(padded, [0, 0, 0], [1, 5, -1]);
      expect(difference(values(head), values(alone))).toBeLessThan(1e-5);
    });
    model.dispose();
  });

  it('nothing that comes later changes an output', () => {
    const model = hybrid({ chunk: 3 });
    tf.tidy(() => {
      const early = (rows: number[][]): number[] =>
        values(tf.slice(model.apply(ids(rows)) as tf.Tensor, [0, 0, 0], [1, 4, -1]));
      expect(difference(early([[1, 2, 3, 4, 5, 6]]), early([[1, 2, 3, 4, 9, 0]]))).toBeLessThan(
        1e-6,
      );
    });
    model.dispose();
  });

  it('predictions leave no tensor behind, whatever the length', () => {
    const model = hybrid();
    const before = tf.memory().numTensors;
    for (const length of [3, 9, 5]) outputs(model, [IDS[0]!.slice(0, length)]);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });
});

onCpu(() => {
  it('padding at the beginning is skipped by the state-space model', () => {
    const layer = mamba2({ heads: 2, seed: 1 });
    const widths = [4, 3, 3, 2, 4];
    layer.apply(widths.map((width) => input({ shape: [null, width] })));
    tf.tidy(() => {
      // With a bias, convolved zeros are not zero.
      const bias = layer.weights.find(({ originalName }) =>
        originalName.endsWith('depthwise_bias'),
      );
      bias!.write(tf.ones(bias!.shape as number[]));
      const inputs = widths.map((width) => tf.randomNormal([1, 5, width], 0, 1, 'float32', width));
      const padded = inputs.map((x) => tf.concat([tf.ones([1, 3, x.shape[2]!]), x], 1));
      const mask = tf.tensor2d([[0, 0, 0, 1, 1, 1, 1, 1]], undefined, 'bool');
      const y = layer.apply(padded, { mask }) as tf.Tensor;
      const alone = layer.apply(inputs) as tf.Tensor;
      const end = tf.slice(y, [0, 3, 0], [1, 5, -1]);
      expect(difference(values(end), values(alone))).toBeLessThan(1e-6);
    });
    layer.dispose();
  });

  it('a mask of another shape, which tfjs hands on from layers before, is not its own', () => {
    const attend = causalSelfAttention({ heads: 1 });
    attend.apply([4, 4, 4].map((width) => input({ shape: [null, width] })));
    tf.tidy(() => {
      const x = tf.randomNormal([2, 3, 4]);
      const mask = tf.zeros([2, 5], 'bool');
      const y = attend.apply([x, x, x], { mask }) as tf.Tensor;
      expect(values(y)).toEqual(values(attend.apply([x, x, x]) as tf.Tensor));
    });
    attend.dispose();
  });

  it('matrices are matrices for optimizers, and what the state-space model holds are vectors', () => {
    const model = hybrid({ innerNorm: true });
    const roles = Object.fromEntries(
      model.weights.map((weight) => [
        weight.originalName.replace(/^lrm_[^/]*\//, ''),
        roleOf(weight.read() as tf.Variable),
      ]),
    );
    expect(roles).toMatchObject({
      depthwise_kernel: 'vector',
      depthwise_bias: 'vector',
      step_size_bias: 'vector',
      log_rate: 'vector',
      skip: 'vector',
      gain: 'vector',
      'x/kernel': 'matrix',
      'dt/kernel': 'matrix',
    });
    expect(describeRoles(model).rows.filter(({ role }) => role === 'matrix')).toHaveLength(14);
    model.dispose();
  });

  it('decay rates and step sizes start where they should, and alike from the same seed', () => {
    const started = (seed?: number) => {
      const layer = mamba2({ heads: 64, ...(seed === undefined ? {} : { seed }) });
      layer.apply([64, 2, 2, 64].map((width) => input({ shape: [null, width] })));
      const [rate, size] = ['log_rate', 'step_size_bias'].map((name) => {
        const weight = layer.weights.find(({ originalName }) => originalName.endsWith(name));
        return values(weight!.read());
      });
      layer.dispose();
      return { rates: rate!.map(Math.exp), sizes: size!.map((x) => Math.log1p(Math.exp(x))) };
    };
    const { rates, sizes } = started(1);
    for (const rate of rates) expect(rate >= 0.999 && rate <= 16.001).toBe(true);
    for (const size of sizes) expect(size >= 0.00099 && size <= 0.1001).toBe(true);
    expect(Math.max(...rates) - Math.min(...rates)).toBeGreaterThan(10);
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeGreaterThan(20);
    expect(started(1)).toEqual(started(1));
    expect(started(2)).not.toEqual(started(1));
    expect(started()).not.toEqual(started());
  });

  it('works in a Sequential, with a shape of its own', () => {
    const model = sequential({ layers: [rmsNorm({ inputShape: [3, 4], name: 'first' })] });
    expect(model.outputShape).toEqual([null, 3, 4]);
    expect(model.layers[0]!.name).toBe('first');
    model.dispose();
  });

  it('freezes and thaws', () => {
    const layer = mamba2({ heads: 1, trainable: false });
    layer.apply([2, 2, 2, 1].map((width) => input({ shape: [null, width] })));
    expect(layer.trainableWeights).toHaveLength(0);
    layer.trainable = true;
    expect(layer.trainableWeights).toHaveLength(5);
    layer.dispose();
  });

  describe('mistakes are told before anything changes', () => {
    const apply = (layer: layers.Layer, ...widths: number[]) =>
      layer.apply(widths.map((width) => input({ shape: [null, width] })));
    const cases: [string, () => unknown, RegExp][] = [
      [
        'a misspelt option',
        () => rmsNorm({ epsilonn: 1 } as never),
        /rmsNorm: unknown option "epsilonn". Did you mean "epsilon"\?/,
      ],
      [
        'a wrong option',
        () => rmsNorm({ groups: 0 }),
        /rmsNorm: "groups" must be a finite whole number >= 1. Received 0. Try 1./,
      ],
      ['no options', () => rmsNorm(null as never), /rmsNorm: options must be one object/],
      [
        'a missing option',
        () => causalSelfAttention({} as never),
        /causalSelfAttention: "heads" must be given. Try causalSelfAttention\(\{ heads: 4 \}\)/,
      ],
      ['the same', () => mamba2({} as never), /mamba2: "heads" must be given/],
      [
        'heads that key heads do not divide',
        () => causalSelfAttention({ heads: 4, keyHeads: 3 }),
        /"heads" must be a multiple of "keyHeads". Received 4 and 3. Try \{ heads: 3, keyHeads: 3 \}/,
      ],
      [
        'heads that groups do not divide',
        () => mamba2({ heads: 4, groups: 3 }),
        /"heads" must be a multiple of "groups". Received 4 and 3/,
      ],
      [
        'a width that is not a multiple of the groups',
        () => apply(rmsNorm({ groups: 3, name: 'n' }), 4),
        /rmsNorm: layer "n" must read a width that is a multiple of its groups. Received 4 and 3/,
      ],
      [
        'an unknown width',
        () => rmsNorm({ name: 'n' }).apply(input({ shape: [null, null] })),
        /rmsNorm: layer "n" must know the last axis of its input. Received shape \[null, null, null\]/,
      ],
      [
        'too few inputs',
        () => apply(causalSelfAttention({ heads: 1, name: 'a' }), 4, 4),
        /layer "a" must read \[query, key, value\]. Received 2. Try layer.apply\(\[query, key, value\]\)/,
      ],
      [
        'queries that do not fit keys',
        () => apply(causalSelfAttention({ heads: 4, keyHeads: 2, name: 'a' }), 8, 8, 4),
        /queries of heads · w channels and keys of keyHeads · w. Received 8 and 8 channels for 4 heads and 2 key heads/,
      ],
      [
        'values that do not fit',
        () => apply(causalSelfAttention({ heads: 4, keyHeads: 2, name: 'a' }), 8, 4, 5),
        /values of a multiple of keyHeads channels. Received 5 for 2 key heads/,
      ],
      [
        'an odd width of rotary heads',
        () => apply(causalSelfAttention({ heads: 2, name: 'a' }), 6, 6, 6),
        /heads of an even width, for rotary pairs. Received 3/,
      ],
      [
        'gates of another shape',
        () => apply(gatedProduct({ name: 'g' }), 3, 4),
        /gatedProduct: layer "g" must read two inputs of one shape. Received \[,,3\] and \[,,4\]/,
      ],
      [
        'inputs that do not fit the heads',
        () => apply(mamba2({ heads: 2, name: 'm' }), 5, 3, 3, 2),
        /layer "m" must read x and z of heads · w channels, B and C of groups · n, and dt of heads. Received 5, 3 and 3, and 2 channels for 2 heads and 1 groups/,
      ],
      [
        'a gate of another width',
        () => apply(mamba2({ heads: 2 }), 4, 3, 3, 2, 5),
        /Received 4 and 5/,
      ],
      [
        'integers',
        () => rmsNorm({ name: 'n', gain: false }).apply(tf.ones([2, 3], 'int32')),
        /rmsNorm: layer "n" must read float32. Received int32 as its x. Try tf.cast\(x, 'float32'\)/,
      ],
      [
        'inputs of another time',
        () =>
          causalSelfAttention({ heads: 1, name: 'a' }).apply(
            [3, 4, 3].map((time) => tf.ones([1, time, 2])),
          ),
        /three inputs \[batch, time, channels\] of the same batch and time. Received \[1,3,2\], \[1,4,2\], \[1,3,2\]/,
      ],
    ];
    it.each(cases)('%s', (_, act, message) => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        expect(act).toThrow(message);
      });
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  it('a symbolic output has the shape of the real one', () => {
    const layer = causalSelfAttention({ heads: 4, keyHeads: 2 });
    const symbols = [8, 4, 6].map((width) => input({ shape: [5, width] }));
    expect((layer.apply(symbols) as SymbolicTensor).shape).toEqual([null, 5, 12]);
    tf.tidy(() => {
      const tensors = [8, 4, 6].map((width) => tf.ones([2, 5, width]));
      expect((layer.apply(tensors) as tf.Tensor).shape).toEqual([2, 5, 12]);
    });
    layer.dispose();
  });
});
