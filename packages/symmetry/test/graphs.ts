/** Random small models over all layers that the walk knows, as data that fixtures/symmetry/graphs.py reads too. */
import * as tf from '@tensorflow/tfjs-core';
import * as layersApi from '@tensorflow/tfjs-layers';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { noise, random } from '../../../test/tensors.ts';

const { input, layers, model: makeModel, sequential } = layersApi;
type Layer = layersApi.layers.Layer;
type Symbolic = layersApi.SymbolicTensor;

/** One call of a layer: calls with the same `layer` share it. Tensor 0 is the input, i + 1 the output of call i. */
export interface Call {
  readonly op: string;
  readonly layer: number;
  readonly from: readonly number[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly frozen?: 'config' | 'layer' | 'weights' | 'constraint' | undefined;
  readonly multipliers?: readonly string[] | undefined;
}

export interface Graph {
  readonly shape: readonly number[];
  /** The number of tokens, where the input is a sequence of these. */
  readonly tokens: number | null;
  readonly calls: readonly Call[];
}

type Config = Record<string, unknown>;
const factories = layers as unknown as Record<string, (config: unknown) => Layer>;

const pick = <T>(next: () => number, from: readonly T[]): T =>
  from[Math.min(from.length - 1, Math.floor(next() * from.length))] as T;

const ACTIVATIONS = ['linear', 'linear', 'linear', 'relu', 'relu', 'tanh', 'softmax'];

/** The layers that may follow, by the rank of what they read without its batch: the config of each. */
const LAYERS: Readonly<Record<string, readonly [number[], (next: () => number) => Config]>> = {
  dense: [
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 3],
    (next) => ({
      units: pick(next, [2, 3, 4]),
      useBias: next() < 0.6,
      activation: pick(next, ACTIVATIONS),
    }),
  ],
  nested: [
    [1],
    (next) => ({
      units: pick(next, [2, 3]),
      useBias: next() < 0.6,
      activation: pick(next, ACTIVATIONS),
    }),
  ],
  timeDistributed: [
    [2],
    (next) => ({ units: pick(next, [2, 3]), useBias: next() < 0.6, activation: 'linear' }),
  ],
  layerNormalization: [
    [1, 1, 2, 2, 3],
    (next) => ({ scale: next() < 0.6, center: next() < 0.6, axis: next() < 0.7 ? -1 : 1 }),
  ],
  // tfjs trains it only with both scale and center.
  batchNormalization: [[1, 2, 3], () => ({})],
  softmax: [[1, 2], () => ({ axis: -1 })],
  reLU: [[1, 2, 3], () => ({})],
  leakyReLU: [[1, 2], () => ({ alpha: 0.2 })],
  prelu: [[1], () => ({})],
  elu: [[1], () => ({})],
  dropout: [[1, 2, 3], () => ({ rate: 0.4 })],
  spatialDropout1d: [[2], () => ({ rate: 0.4 })],
  gaussianDropout: [[1, 2], () => ({ rate: 0.3 })],
  alphaDropout: [[1], () => ({ rate: 0.3 })],
  gaussianNoise: [[1], () => ({ stddev: 0.5 })],
  repeatVector: [[1], () => ({ n: 3 })],
  conv1d: [
    [2, 2],
    (next) => ({
      filters: pick(next, [2, 3]),
      kernelSize: 2,
      padding: pick(next, ['valid', 'same']),
      useBias: next() < 0.6,
      activation: pick(next, ['linear', 'relu']),
    }),
  ],
  averagePooling1d: [
    [2],
    (next) => ({ poolSize: 2, strides: 1, padding: pick(next, ['valid', 'same']) }),
  ],
  maxPooling1d: [
    [2],
    (next) => ({ poolSize: 2, strides: 1, padding: pick(next, ['valid', 'same']) }),
  ],
  globalAveragePooling1d: [[2, 2], () => ({})],
  globalMaxPooling1d: [[2], () => ({})],
  flatten: [[2, 3], () => ({})],
  permute: [[2], (next) => ({ dims: next() < 0.5 ? [1, 2] : [2, 1] })],
  simpleRNN: [
    [2],
    (next) => ({ units: 2, dropout: next() < 0.4 ? 0.4 : 0, useBias: next() < 0.7 }),
  ],
  gru: [[2], (next) => ({ units: 2, dropout: next() < 0.4 ? 0.4 : 0, useBias: next() < 0.7 })],
  lstm: [[2], (next) => ({ units: 1, dropout: next() < 0.4 ? 0.4 : 0, useBias: next() < 0.7 })],
  conv2d: [
    [3, 3],
    (next) => ({
      filters: pick(next, [2, 3]),
      kernelSize: 2,
      padding: pick(next, ['valid', 'same']),
      useBias: next() < 0.6,
      activation: pick(next, ['linear', 'relu']),
    }),
  ],
  depthwiseConv2d: [
    [3],
    (next) => ({
      kernelSize: 2,
      depthMultiplier: pick(next, [1, 2]),
      padding: pick(next, ['valid', 'same']),
      useBias: next() < 0.6,
      activation: pick(next, ['linear', 'relu']),
    }),
  ],
  separableConv2d: [
    [3],
    (next) => ({
      filters: 3,
      kernelSize: 2,
      depthMultiplier: pick(next, [1, 2]),
      padding: pick(next, ['valid', 'same']),
      useBias: next() < 0.6,
    }),
  ],
  conv2dTranspose: [
    [3],
    (next) => ({ filters: 2, kernelSize: 2, padding: 'valid', useBias: next() < 0.6 }),
  ],
  averagePooling2d: [
    [3],
    (next) => ({ poolSize: 2, strides: 1, padding: pick(next, ['valid', 'same']) }),
  ],
  maxPooling2d: [
    [3],
    (next) => ({ poolSize: 2, strides: 1, padding: pick(next, ['valid', 'same']) }),
  ],
  globalAveragePooling2d: [[3, 3], () => ({})],
  globalMaxPooling2d: [[3], () => ({})],
  zeroPadding2d: [[3], () => ({ padding: 1 })],
  upSampling2d: [
    [3],
    (next) => ({ size: [2, 2], interpolation: pick(next, ['nearest', 'bilinear']) }),
  ],
  cropping2D: [
    [3],
    () => ({
      cropping: [
        [1, 0],
        [0, 1],
      ],
    }),
  ],
};

const MERGES = ['add', 'add', 'average', 'maximum', 'minimum', 'multiply', 'concatenate'];
const WITH_WEIGHTS = /dense|conv|rnn|gru|lstm|normalization/i;

const choices = (rank: number): string[] =>
  Object.entries(LAYERS).flatMap(([op, [ranks]]) =>
    ranks.filter((each) => each === rank).map(() => op),
  );

/** The layer of a call. */
function layerOf({ op, config, frozen, multipliers }: Call, at: number): Layer {
  const all: Config = {
    // tfjs writes into the arrays that it gets.
    ...structuredClone(config),
    name: `${op}${at}`,
    ...(op === 'layerNormalization' || op === 'batchNormalization' ? { epsilon: 1e-12 } : {}),
    ...(frozen === 'config' ? { trainable: false } : {}),
    ...(frozen === 'constraint' ? { kernelConstraint: 'nonNeg' } : {}),
    ...(/RNN|gru|lstm/.test(op) ? { recurrentInitializer: 'glorotNormal' } : {}),
  };
  if (op === 'timeDistributed')
    return layers.timeDistributed({
      name: `over${at}`,
      layer: layers.dense({ ...config, trainable: frozen !== 'config' } as never),
    });
  const layer = (factories[op] as (config: unknown) => Layer)(all);
  if (multipliers === undefined) return layer;
  const has = (which: string): boolean => multipliers.includes(which);
  return withMultipliers(layer, { row: has('row'), column: has('column'), scalar: has('scalar') });
}

/** The graph as a model, with weights drawn from a seed. */
export function buildGraph({ shape, tokens, calls }: Graph, seed = 1): layersApi.LayersModel {
  const tensors: Symbolic[] = [input({ shape: [...shape] })];
  const byNumber = new Map<number, Layer>();
  const read = new Set<number>();
  calls.forEach((call, at) => {
    const inputs = call.from.map((each) => tensors[each] as Symbolic);
    for (const each of call.from) read.add(each);
    let layer = byNumber.get(call.layer);
    if (layer === undefined) {
      layer =
        call.op === 'embedding'
          ? layers.embedding({
              name: `embedding${at}`,
              inputDim: tokens as number,
              outputDim: call.config['units'] as number,
            })
          : call.op === 'nested'
            ? sequential({
                name: `nested${at}`,
                layers: [
                  layers.dense({
                    ...(call.config as { units: number }),
                    inputShape: inputs[0]?.shape.slice(1) as number[],
                  }),
                  layers.dense({ units: 2 }),
                ],
              })
            : layerOf(call, at);
      byNumber.set(call.layer, layer);
    }
    tensors.push(layer.apply(inputs.length > 1 ? inputs : (inputs[0] as Symbolic)) as Symbolic);
    if (call.frozen === 'layer') layer.trainable = false;
    if (call.frozen === 'weights')
      for (const weight of layer.weights.slice(0, 1)) weight.trainable = false;
  });
  const outputs = tensors.filter((_, at) => at > 0 && !read.has(at));
  const model = makeModel({ inputs: tensors[0] as Symbolic, outputs });
  const next = random(seed);
  tf.tidy(() => {
    for (const weight of model.weights) {
      const size = tf.util.sizeFromShape(weight.shape as number[]);
      const positive = /multiplier|moving_variance|gamma/.test(weight.originalName);
      const drawn = noise(next, size).map((value) => (positive ? 1 + value / 2 : value));
      (weight.read() as tf.Variable).assign(tf.tensor(drawn, weight.shape as number[]));
    }
  });
  return model;
}

/** Inputs for it. */
export function inputsOfGraph({ shape, tokens }: Graph, seed: number, batch = 6): tf.Tensor {
  const size = batch * shape.reduce((product, n) => product * n, 1);
  const next = random(seed);
  return tokens === null
    ? tf.tensor(noise(next, size, 1.5), [batch, ...shape])
    : tf.tensor(
        Array.from({ length: size }, () => Math.floor(next() * tokens)),
        [batch, ...shape],
        'int32',
      );
}

/** A random graph of some calls; what none of them reads is an output. */
export function drawGraph(next: () => number): Graph {
  const [shape, tokens] = pick(next, [
    [[4], null],
    [[4], null],
    [[4, 3], null],
    [[4, 3], null],
    [[4, 4, 2], null],
    [[4], 5],
  ] as const);
  const calls: Call[] = [];
  // Shapes come from tfjs itself: the model so far is built to learn them.
  const shapes: number[][] = [[...shape]];
  let layer = 0;
  const add = (
    op: string,
    from: readonly number[],
    config: Config,
    more: Partial<Call> = {},
  ): boolean => {
    const call: Call = { op, from, config, layer: more.layer ?? layer, ...more };
    if (more.layer === undefined) layer += 1;
    calls.push(call);
    try {
      const model = buildGraph({ shape, tokens, calls });
      const output = model.outputs.at(-1) as Symbolic;
      shapes.push(output.shape.slice(1) as number[]);
      model.dispose();
      return true;
    } catch (error) {
      calls.pop();
      if (
        !(error instanceof Error) ||
        !/shape|negative|dimension|axis|compatible/i.test(error.message)
      )
        throw error;
      return false;
    }
  };
  if (tokens !== null) add('embedding', [0], { units: 3 });
  else
    add('dense', [0], {
      units: 3,
      useBias: next() < 0.6,
      activation: pick(next, ['linear', 'linear', 'relu']),
    });
  const length = 2 + Math.floor(next() * 4);
  for (let tries = 0; calls.length < length + 1 && tries < 30; tries++) {
    // Mostly what came last, so that graphs are deep.
    const from = next() < 0.75 ? shapes.length - 1 : 1 + Math.floor(next() * (shapes.length - 1));
    const here = shapes[from] as number[];
    // tfjs frees a tensor too early that a layer reads twice.
    const partners = shapes.flatMap((each, at) =>
      at > 0 && at !== from && String(each) === String(here) ? [at] : [],
    );
    if (partners.length > 0 && next() < 0.35) {
      const op = pick(next, MERGES);
      const axis = here.length > 1 && next() < 0.4 ? 1 : -1;
      add(op, [from, pick(next, partners)], op === 'concatenate' ? { axis } : {});
      continue;
    }
    const again = calls.find(
      ({ op, from: [read] }) =>
        /dense|nested|batch/i.test(op) && String(shapes[read as number]) === String(here),
    );
    if (again !== undefined && next() < 0.12) {
      add(again.op, [from], again.config, {
        layer: again.layer,
        frozen: again.frozen,
        multipliers: again.multipliers,
      });
      continue;
    }
    const op = pick(next, choices(here.length));
    const config = (LAYERS[op] as (typeof LAYERS)[string])[1](next);
    const frozen =
      WITH_WEIGHTS.test(op) && next() < 0.1
        ? pick(next, [
            'config',
            'layer',
            'weights',
            ...(op === 'dense' ? ['constraint' as const] : []),
          ] as const)
        : undefined;
    const multipliers =
      frozen === undefined && /^(dense|conv[12]d)$/.test(op) && next() < 0.15
        ? [['row'], ['column'], ['row', 'column'], ['row', 'column', 'scalar']][
            Math.floor(next() * 4)
          ]
        : undefined;
    add(op, [from], config, { frozen, multipliers });
  }
  const last = shapes.length - 1;
  if (next() < 0.8)
    add('dense', [last], {
      units: 2 + Math.floor(next() * 2),
      useBias: next() < 0.6,
      activation: pick(next, ['linear', 'linear', 'softmax']),
    });
  return { shape, tokens, calls };
}

const calls = (
  ...all: readonly (readonly [
    op: string,
    from: readonly number[],
    config?: Config,
    more?: Partial<Call>,
  ])[]
): Call[] =>
  all.map(([op, from, config = {}, more = {}], at) => ({ op, from, config, layer: at, ...more }));
const linear = (units: number, useBias = true): Config => ({
  units,
  useBias,
  activation: 'linear',
});
const bent = (units: number, activation: string, useBias = true): Config => ({
  units,
  useBias,
  activation,
});

/** Graphs all of whose symmetries are found, each for one kind of structure. */
export const NAMED: Readonly<Record<string, Graph>> = {
  'a bias through average pooling': {
    shape: [5, 3],
    tokens: null,
    calls: calls(
      [
        'conv1d',
        [0],
        { filters: 3, kernelSize: 2, padding: 'valid', useBias: true, activation: 'linear' },
      ],
      ['averagePooling1d', [1], { poolSize: 2, strides: 1, padding: 'same' }],
      ['dense', [2], bent(3, 'tanh')],
    ),
  },
  'a bias through max pooling': {
    shape: [5, 3],
    tokens: null,
    calls: calls(
      [
        'conv1d',
        [0],
        { filters: 3, kernelSize: 2, padding: 'valid', useBias: true, activation: 'linear' },
      ],
      ['maxPooling1d', [1], { poolSize: 2, strides: 1, padding: 'valid' }],
      ['dense', [2], bent(3, 'tanh')],
    ),
  },
  'a bias through a concatenation': {
    shape: [4],
    tokens: null,
    calls: calls(
      ['dense', [0], linear(3)],
      ['dense', [0], bent(2, 'tanh')],
      ['concatenate', [1, 2], { axis: -1 }],
      ['dense', [3], linear(4)],
    ),
  },
  'biases of a residual sum': {
    shape: [4],
    tokens: null,
    calls: calls(
      ['dense', [0], linear(3)],
      ['dense', [1], bent(4, 'tanh')],
      ['dense', [2], linear(3)],
      ['add', [1, 3]],
      ['dense', [4], bent(3, 'tanh')],
    ),
  },
  'a layer that is used twice': {
    shape: [4],
    tokens: null,
    calls: calls(
      ['dense', [0], bent(3, 'tanh')],
      ['dense', [0], bent(3, 'tanh')],
      ['dense', [1], linear(3)],
      ['dense', [2], linear(3), { layer: 2 }],
      ['concatenate', [3, 4], { axis: -1 }],
      ['dense', [5], bent(3, 'tanh')],
    ),
  },
  'a nested model': {
    shape: [4],
    tokens: null,
    calls: calls(['nested', [0], linear(2)], ['dense', [1], linear(3)]),
  },
  'an embedding, its mean and a kernel': {
    shape: [6],
    tokens: 7,
    calls: calls(
      ['embedding', [0], { units: 3 }],
      ['globalAveragePooling1d', [1]],
      ['dense', [2], bent(3, 'tanh')],
    ),
  },
  'an embedding before a normalisation': {
    shape: [6],
    tokens: 7,
    calls: calls(
      ['embedding', [0], { units: 4 }],
      ['globalAveragePooling1d', [1]],
      ['layerNormalization', [2], { scale: false, center: false, axis: -1 }],
      ['elu', [3]],
    ),
  },
  'an embedding of fewer tokens than channels': {
    shape: [6],
    tokens: 3,
    calls: calls(['embedding', [0], { units: 5 }], ['dense', [1], bent(2, 'tanh')]),
  },
  'softmax before a kernel': {
    shape: [4],
    tokens: null,
    calls: calls(['dense', [0], bent(3, 'softmax')], ['dense', [1], bent(3, 'tanh')]),
  },
  'softmax before a kernel before softmax': {
    shape: [4],
    tokens: null,
    calls: calls(['dense', [0], bent(3, 'softmax')], ['dense', [1], bent(3, 'softmax')]),
  },
  'layer normalisation before a kernel before softmax': {
    shape: [4],
    tokens: null,
    calls: calls(
      ['dense', [0], bent(4, 'tanh')],
      ['layerNormalization', [1], { scale: true, center: true, axis: -1 }],
      ['dense', [2], bent(3, 'softmax')],
    ),
  },
  'layer normalisation without gain and bias': {
    shape: [4],
    tokens: null,
    calls: calls(
      ['dense', [0], linear(4)],
      ['layerNormalization', [1], { scale: false, center: false, axis: -1 }],
      ['dense', [2], linear(3)],
    ),
  },
  'layer normalisation over positions': {
    shape: [4, 3],
    tokens: null,
    calls: calls(
      ['dense', [0], linear(3)],
      ['layerNormalization', [1], { scale: false, center: false, axis: 1 }],
      ['elu', [2]],
    ),
  },
  'a layer frozen in its config': {
    shape: [4],
    tokens: null,
    calls: calls(
      ['dense', [0], bent(3, 'relu')],
      ['dense', [1], bent(3, 'tanh'), { frozen: 'config' }],
      ['dense', [2], linear(3)],
      ['dense', [3], bent(3, 'tanh')],
    ),
  },
  'dropout between linear layers': {
    shape: [4],
    tokens: null,
    calls: calls(
      ['dense', [0], linear(3)],
      ['dropout', [1], { rate: 0.4 }],
      ['dense', [2], linear(3)],
    ),
  },
  'dropout inside a recurrent layer': {
    shape: [4, 3],
    tokens: null,
    calls: calls(
      ['dense', [0], linear(3)],
      ['simpleRNN', [1], { units: 3, dropout: 0.4, useBias: true }],
      ['elu', [2]],
    ),
  },
  'channels wider than what reads and writes them': {
    shape: [2],
    tokens: null,
    calls: calls(['dense', [0], linear(4)], ['dense', [1], linear(4)], ['dense', [2], linear(2)]),
  },
};
