import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { beforeAll, expect, test } from 'vitest';
import { eachBackend, useBackend } from '../../../test/backends.ts';
import {
  type Data,
  type Files,
  filesOf,
  inStockTfjs,
  serve,
  tensorOf,
} from '../../../test/files.ts';
import { Gated } from '../../multipliers/test/layers.ts';
import {
  all,
  MODELS,
  mlp,
  plain,
  predict,
  siamese,
  values,
} from '../../multipliers/test/models.ts';
import { numbers } from '../../multipliers/test/numbers.ts';
import { loadModel } from './index.ts';

type Artifacts = tf.io.ModelArtifacts;

beforeAll(() => useBackend('cpu'));

async function artifactsOf(files: Files): Promise<Artifacts> {
  const artifacts = (await serve(files).load?.()) as Artifacts;
  const weightData = tf.io.CompositeArrayBuffer.join(artifacts.weightData);
  return { ...artifacts, weightData };
}

/** All of a model that a file holds. */
async function everything(model: LayersModel): Promise<unknown> {
  const kept = model.optimizer == null ? [] : await model.optimizer.getWeights();
  return {
    topology: model.toJSON(null, false),
    weights: values(model),
    names: model.weights.map(({ originalName }) => originalName),
    trainable: model.trainableWeights.length,
    metadata: model.getUserDefinedMetadata(),
    optimizer: model.optimizer?.getConfig(),
    loss: model.loss,
    metrics: model.metrics,
    kept: kept.map(({ name, tensor }) => [name, tensor.shape, [...tensor.dataSync()]]),
  };
}

/** Without the numbers that tfjs gives to names that are not saved. */
const numberless = (found: unknown): unknown =>
  JSON.parse(JSON.stringify(found).replaceAll(/_StackedRNNCells\d+/g, ''));

async function expectSame(files: Files, inputs: tf.Tensor[]): Promise<void> {
  const [here, there] = [await loadModel(serve(files)), await loadLayersModel(serve(files))];
  expect(numberless(await everything(here))).toEqual(numberless(await everything(there)));
  expect(predict(here, inputs)).toEqual(predict(there, inputs));
}

eachBackend(() => {
  test.each(MODELS.map(({ title, ...given }) => [title, given] as const))(
    'loads the file of %s as tf.loadLayersModel does, plain and with multipliers',
    async (_, { build, inputs, runsOn }) => {
      if (runsOn !== undefined && !runsOn.includes(tf.getBackend() as 'cpu')) return;
      for (const wrap of [plain, all]) await expectSame(await filesOf(build(wrap)), inputs());
    },
  );

  test('loads what stock tfjs saves and converts: recurrent, quantised, in shards, of Keras', async () => {
    const stock = await inStockTfjs<{ files: Files; inputs: Data[] }[]>('saveAll()');
    expect(stock.length).toBe(6);
    for (const { files, inputs } of stock) await expectSame(files, inputs.map(tensorOf));
  });

  test.each([
    ['tfjs', () => tf.train.adam(1e-2)],
    ['this project', () => adam({ learningRate: 1e-2 })],
  ])('goes on training with an optimizer of %s, its state and the metadata', async (_, make) => {
    const model = mlp(all);
    model.compile({ optimizer: make(), loss: 'meanSquaredError', metrics: ['mae'] });
    model.setUserDefinedMetadata({ purpose: 'test' });
    const [x, y] = [tf.tensor(numbers(1, 12), [4, 3]), tf.tensor(numbers(2, 8), [4, 2])];
    for (let step = 0; step < 3; step++) await model.trainOnBatch(x, y);
    const files = await filesOf(model, true);
    await expectSame(files, [x]);
    const tensors = tf.memory().numTensors;
    const [here, there] = [await loadModel(serve(files)), await loadLayersModel(serve(files))];
    const made = tf.memory().numTensors - tensors;
    for (const each of [here, there]) await each.trainOnBatch(x, y);
    expect(values(here)).toEqual(values(there));
    for (const each of [here, there]) {
      each.dispose();
      each.optimizer.dispose();
    }
    expect(made).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

/** Puts a value at a path in artifacts, or takes away what is there; lists of layers and weights go by name too. */
function put(artifacts: unknown, path: string, value: unknown): void {
  const keys = path.split(' ');
  const last = keys.pop() as string;
  let at = artifacts as Record<string, unknown>;
  for (const key of keys) {
    const named = Array.isArray(at)
      ? at.find((each: { name?: string }) => each.name === key)
      : null;
    at = (named ?? at[key]) as Record<string, unknown>;
  }
  if (value === undefined) delete at[last];
  else Object.defineProperty(at, last, { value, enumerable: true });
}

const nested = (levels: number): object => {
  let deep: object = {};
  for (let level = 0; level < levels; level++) deep = { deep };
  return deep;
};
const [D, LAYERS] = ['modelTopology config layers 0', 'modelTopology config layers'];
const twice = ['d', 'd'].map((name) => ({
  class_name: 'Dense',
  config: { units: 2, name, batch_input_shape: [null, 2] },
}));

test.each<[title: string, path: string, value: unknown, message: RegExp]>([
  [
    'a cut file',
    'weightData',
    new ArrayBuffer(30),
    /need 32 bytes. Received 30.*within weight "d\/bias"/,
  ],
  ['more data', 'weightData', new ArrayBuffer(40), /need 32 bytes. Received 40.*strict: false/],
  ['no data', 'weightData', undefined, /describes weights, and there is no data/],
  ['data of no kind', 'weightData', 'text', /weightData must be an ArrayBuffer.*Received "text"/],
  ['no manifest', 'weightSpecs', undefined, /weightSpecs must be a list.*Received nothing/],
  [
    'a name that is not known',
    'weightSpecs 1 name',
    'd/bia',
    /no such weight. Did you mean "d\/bias"/,
  ],
  [
    'a name twice',
    'weightSpecs 1 name',
    'd/kernel',
    /in the manifest once. Received "d\/kernel" twice/,
  ],
  ['a name of JavaScript', 'weightSpecs 1 name', 'toString', /weight 2 of the manifest must be/],
  [
    'a weight for the optimizer',
    'weightSpecs 1 group',
    'optimizer',
    /values for every weight. Received none for "d\/bias" of shape \[2\]/,
  ],
  [
    'a turned weight',
    'weightSpecs 0 shape',
    [2, 3],
    /"d\/kernel" must be float32 of shape \[3,2\]. Received float32 of shape \[2,3\]/,
  ],
  ['another type', 'weightSpecs 0 dtype', 'int32', /"d\/kernel" must be float32 .* Received int32/],
  [
    'strings',
    'weightSpecs 0 dtype',
    'string',
    /weight 1 of the manifest must be .* float32, int32, bool/,
  ],
  [
    'wrong quantization',
    'weightSpecs 0 quantization',
    { dtype: 'uint8', scale: 1 },
    /quantization of weight "d\/kernel" must be.*scale, min/,
  ],
  [
    'absurd sizes',
    `${D} config units`,
    1e9,
    /weight "kernel" of layer "d" \(Dense\) must have .* at most 2\^28/,
  ],
  [
    'large sizes',
    `${D} config units`,
    1e6,
    /Received 8 values, and up to weight "kernel" of shape \[3,1000000\] of layer "d"/,
  ],
  ['units of no number', `${D} config units`, 'three', /"d" \(Dense\) cannot be used: .*units/],
  [
    'no input shape',
    `${D} config batch_input_shape`,
    undefined,
    /first layer in a Sequential model/,
  ],
  [
    'an unknown activation',
    `${D} config activation`,
    'gel',
    /"activation" of layer "d" \(Dense\) needs the activation "gel"/,
  ],
  [
    'an unknown class',
    `${D} class_name`,
    'Dens',
    /"Dens" of layer "d" is not registered.*Did you mean "Dense"/,
  ],
  [
    'a class of JavaScript',
    `${D} class_name`,
    'toString',
    /"toString" of layer "d" is not registered/,
  ],
  [
    'a class that is not one of layers',
    `${D} class_name`,
    'Zeros',
    /layer "d" must be of a class of layers. Received "Zeros"/,
  ],
  [
    'a layer as a model',
    'modelTopology class_name',
    'Dense',
    /must hold a model. Received a layer of class "Dense"/,
  ],
  ['no layers', LAYERS, [], /model "m" \(Sequential\) must have a list of layers/],
  ['a layer twice', LAYERS, twice, /different names. Received "d" twice/],
  ['a graph model', 'modelTopology node', [], /Received a graph model. Try tf.loadGraphModel/],
  ['no topology', 'modelTopology', null, /must hold a modelTopology. Received null/],
  [
    'keys of JavaScript',
    `${D} config __proto__`,
    { units: 3 },
    /must not have the key "__proto__"/,
  ],
  ['deep nesting', `${D} config more`, nested(5000), /nested deeper than 32 levels/],
  ['metadata of no kind', 'userDefinedMetadata', [1], /userDefinedMetadata cannot be used: /],
  [
    'no optimizer',
    'trainingConfig',
    { loss: 'mse' },
    /training configuration cannot be used: .* Received {"loss":"mse"}/,
  ],
  [
    'an unknown optimizer',
    'trainingConfig',
    { optimizer_config: { class_name: 'Lion', config: {} } },
    /training configuration needs the class "Lion", which is not registered/,
  ],
])(
  'an error of a model of one layer says what is wrong and what to do: %s',
  async (_, path, value, message) => {
    const model = sequential({
      layers: [layers.dense({ units: 2, inputShape: [3], name: 'd' })],
      name: 'm',
    });
    await expectRefused(model, path, value, message);
  },
);

test.each<[title: string, path: string, value: unknown, message: RegExp]>([
  [
    'an output that is not there',
    `${LAYERS} a inbound_nodes`,
    [[['zz', 0, 0, {}]]],
    /"a" takes an output of layer "zz", which is not in the file/,
  ],
  [
    'a call that is not made',
    `${LAYERS} a inbound_nodes`,
    [[['join', 3, 0, {}]]],
    /"a" takes the output of call 3 of layer "join", which is never made/,
  ],
  [
    'a circle',
    `${LAYERS} join inbound_nodes`,
    [
      [
        ['a', 0, 0, {}],
        ['b', 0, 0, {}],
      ],
    ],
    /"join" takes the output of call 0 of layer "a", .* wait for each other/,
  ],
  [
    'itself',
    `${LAYERS} join inbound_nodes`,
    [[['join', 0, 0, {}]]],
    /"join" takes the output of call 0 of layer "join", which is never made/,
  ],
  [
    'one input of two',
    `${LAYERS} join inbound_nodes`,
    [[['shared', 1, 0, {}]]],
    /layer "join" \(Concatenate\) cannot be used: .*at least 2 inputs. Received {/,
  ],
  [
    'a second output',
    `${LAYERS} a inbound_nodes`,
    [[['join', 0, 1, {}]]],
    /layer "a" \(Dense\) takes an output that the layer before it does not have/,
  ],
  [
    'nodes of Keras 3',
    `${LAYERS} a inbound_nodes`,
    [{ args: [], kwargs: {} }],
    /an inbound node of layer "a" must be a list .* Keras 3/,
  ],
  ['no nodes', `${LAYERS} a inbound_nodes`, null, /layer "a" must have a list of inbound_nodes/],
  [
    'a layer that leads nowhere',
    'modelTopology config output_layers',
    [['a', 0, 0]],
    /layer "b" of model "siamese" \(Model\) must lead to an output/,
  ],
  [
    'no output',
    'modelTopology config output_layers',
    [],
    /model "siamese" \(Model\) must have an output/,
  ],
  [
    'an output of no layer',
    'modelTopology config output_layers',
    [['c', 0, 0]],
    /calls of its layers. Received call 0 of layer "c"/,
  ],
  [
    'no input',
    'modelTopology config input_layers',
    [],
    /model "siamese" \(Model\) cannot be used: Graph disconnected.*Received {"inputLayers":\[\]/,
  ],
  [
    'two names of a layer',
    `${LAYERS} a config name`,
    'b',
    /name of layer "a" must be the same in its configuration. Received "b"/,
  ],
  [
    'a name that is not one',
    `${LAYERS} a name`,
    'constructor',
    /must have a name. Received "constructor"/,
  ],
  [
    'a layer in a model in it',
    `${LAYERS} encoder config layers 1 config units`,
    0,
    /"units" of layer "second"|layer "second" \(Dense\) cannot be used/,
  ],
])('an error of a graph says what is wrong and what to do: %s', async (_, path, value, message) => {
  await expectRefused(siamese(plain), path, value, message);
});

/** What loading changes for its own time, in tfjs itself. */
const patched = (): unknown[] => {
  const { apply, addWeight } = layers.Layer.prototype as unknown as Record<string, unknown>;
  return [Object.getOwnPropertyNames(tf.engine()), apply, addWeight];
};

test('tfjs is as it was after a model was loaded or refused', async () => {
  const before = patched();
  const files = await filesOf(mlp(plain));
  await loadModel(serve(files));
  expect(patched()).toEqual(before);
  await expectRefused(mlp(plain), 'modelTopology config layers 0 config units', 7, /shape \[3,7\]/);
  expect(patched()).toEqual(before);
});

async function expectRefused(
  model: LayersModel,
  path: string,
  value: unknown,
  message: RegExp,
): Promise<void> {
  const artifacts = await artifactsOf(await filesOf(model));
  model.dispose();
  put(artifacts, path, value);
  const before = tf.memory();
  const known = Object.keys(tf.engine().registeredVariables);
  const error = await loadModel({ load: async () => artifacts }).then(
    String,
    ({ message }) => message,
  );
  expect(error).toMatch(message);
  expect(error).toMatch(/^loadModel: /);
  expect(tf.memory().numTensors).toBe(before.numTensors);
  expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
  expect(Object.keys(tf.engine().registeredVariables)).toEqual(known);
}

test.each<[title: string, source: unknown, options: unknown, message: RegExp]>([
  [
    'nothing',
    undefined,
    {},
    /source must be a path, a URL, .* or a handler that loads. Received undefined/,
  ],
  [
    'a model',
    mlp,
    {},
    /source must be a path, a URL, .* or a handler that loads. Received a function/,
  ],
  ['artifacts of nothing', { load: () => null }, {}, /must hold a modelTopology. Received nothing/],
  [
    'a server that has it not',
    serve({}),
    {},
    /the model cannot be read: Request to .* failed with status code 404/,
  ],
  [
    'a handler that slips',
    { load: () => (null as unknown as string).length },
    {},
    /cannot be read: its weightsManifest/,
  ],
  ['a wrong option', serve({}), { stric: false }, /unknown option "stric". Did you mean "strict"/],
  ['a wrong value', serve({}), { strict: 1 }, /"strict" must be true or false. Received 1/],
  ['a wrong callback', serve({}), { onProgress: 1 }, /"onProgress" must be a function/],
])('refuses %s as a source or option', async (_, source, options, message) => {
  await expect(loadModel(source as string, options as object)).rejects.toThrow(message);
});

test('without strict, weights that are missing keep their start and others are left out', async () => {
  const files = await filesOf(mlp(plain));
  const artifacts = await artifactsOf(files);
  const [first, ...rest] = artifacts.weightSpecs as tf.io.WeightsManifestEntry[];
  const weightSpecs = [{ ...(first as object), name: 'other' }, ...rest] as typeof rest;
  const file = tf.io.fromMemory({ ...artifacts, weightSpecs });
  await expect(loadModel(file)).rejects.toThrow(/holds values for "other"/);
  const [here, there] = [
    await loadModel(file, { strict: false }),
    await loadLayersModel(file, { strict: false }),
  ];
  expect(values(here).slice(1)).toEqual(values(there).slice(1));
  expect(values(here)[0]).not.toEqual(values(await loadModel(serve(files)))[0]);
});

test('the weights of a view of a larger buffer, and after an empty shard, are those of the file', async () => {
  const model = mlp(plain);
  const artifacts = await artifactsOf(await filesOf(model));
  const bytes = new Uint8Array(artifacts.weightData as ArrayBuffer);
  const larger = new Uint8Array(bytes.length + 8);
  larger.set(bytes, 8);
  for (const weightData of [larger.subarray(8), [new ArrayBuffer(0), bytes.buffer]]) {
    const loaded = await loadModel(tf.io.fromMemory({ ...artifacts, weightData } as Artifacts));
    expect(values(loaded)).toEqual(values(model));
  }
});

test('a topology without weights starts as its initializers say, and a URL is resolved as tfjs does', async () => {
  const { modelTopology } = await artifactsOf(await filesOf(mlp(plain)));
  const loaded = await loadModel(tf.io.fromMemory({ modelTopology: modelTopology as object }));
  expect(
    loaded
      .getWeights()[0]
      ?.dataSync()
      .some((value) => value !== 0),
  ).toBe(true);
  const files = await filesOf(mlp(plain));
  const fetchFunc = async (path: unknown): Promise<Response> =>
    new Response(Buffer.from(files[String(path).split('/').at(-1) as string] as string, 'base64'));
  const fractions: number[] = [];
  const options = {
    fetchFunc: fetchFunc as typeof fetch,
    onProgress: (at: number) => fractions.push(at),
  };
  const served = await loadModel('http://somewhere/model.json', options as never);
  expect(served.layers.length).toBe(3);
  expect(fractions.at(-1)).toBe(1);
});

test('state that an optimizer refuses leaves nothing, the optimizer neither', async () => {
  const model = mlp(plain);
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  const artifacts = await artifactsOf(await filesOf(model, true));
  const slot = { name: 'slot', shape: [0], dtype: 'float32', group: 'optimizer' } as const;
  const weightSpecs = [...(artifacts.weightSpecs ?? []), slot];
  const tensors = tf.memory().numTensors;
  await expect(loadModel(tf.io.fromMemory({ ...artifacts, weightSpecs }))).rejects.toThrow(
    /^loadModel: the state of the optimizer cannot be used: SGD optimizer does not have settable weights/,
  );
  expect(tf.memory().numTensors).toBe(tensors);
});

test('what an optimizer makes of its state before it refuses it is gone too', async () => {
  class Half extends tf.SGDOptimizer {
    static override readonly className = 'TestHalf';
    kept: tf.Tensor | null = null;
    override async setWeights(): Promise<void> {
      await Promise.resolve();
      this.kept = tf.ones([2]);
      throw new Error('no more of it');
    }
    override dispose(): void {
      this.kept?.dispose();
    }
  }
  tf.serialization.registerClass(Half);
  const model = mlp(plain);
  model.compile({ optimizer: new Half(0.1), loss: 'meanSquaredError' });
  const file = tf.io.fromMemory(await artifactsOf(await filesOf(model, true)));
  const tensors = tf.memory().numTensors;
  await expect(loadModel(file)).rejects.toThrow(/state of the optimizer .*: no more of it\./);
  expect(tf.memory().numTensors).toBe(tensors);
});

test('tensors that a layer keeps while it is built are gone with it', async () => {
  class Keeping extends Gated {
    static override readonly className: string = 'TestKeeping';
    override build(inputShape: number[]): void {
      super.build(inputShape);
      tf.tidy(() => tf.keep(tf.ones([3])));
    }
  }
  tf.serialization.registerClass(Keeping);
  const model = sequential({
    layers: [new Keeping({ units: 2, inputShape: [3], name: 'k' }), layers.dense({ units: 1 })],
  });
  await expectRefused(model, `${LAYERS} 1 config units`, -1, /units/);
});
