/**
 * Models as someone else builds and saves them, with stock tfjs and nothing of ours: `saveAll()` runs in a
 * process of its own. Each file comes with inputs and with what stock tfjs predicts after loading that file.
 */
import * as tf from '@tensorflow/tfjs';

const { layers: L } = tf;

/** (x·kernel + bias) ⊙ sigmoid(x·gate): a class that tfjs does not have; the loader registers its own. */
class Gated extends L.Layer {
  static className = 'TestGated';

  constructor({ units, ...rest }) {
    super(rest);
    this.units = units;
  }

  build(inputShape) {
    const [shape, start] = [[inputShape.at(-1), this.units], tf.initializers.glorotNormal({})];
    this.kernel = this.addWeight('kernel', shape, 'float32', start);
    this.gate = this.addWeight('gate', shape, 'float32', start);
    this.bias = this.addWeight('bias', [this.units], 'float32', tf.initializers.zeros());
    this.built = true;
  }

  computeOutputShape(inputShape) {
    return [...inputShape.slice(0, -1), this.units];
  }

  call(inputs) {
    const x = [inputs].flat()[0];
    return tf.tidy(() =>
      tf
        .matMul(x, this.kernel.read())
        .add(this.bias.read())
        .mul(tf.sigmoid(tf.matMul(x, this.gate.read()))),
    );
  }

  getConfig() {
    return { ...super.getConfig(), units: this.units };
  }
}
tf.serialization.registerClass(Gated);

// Orthogonal, the default, cannot be loaded in stacked cells where the union package is not imported.
const cell = { units: 3, recurrentInitializer: 'glorotNormal' };

const recurrent = () =>
  tf.sequential({
    name: 'recurrent',
    layers: [
      L.bidirectional({
        layer: L.lstm({ units: 4, returnSequences: true }),
        mergeMode: 'concat',
        inputShape: [5, 3],
      }),
      L.gru({ units: 4, returnSequences: true }),
      L.timeDistributed({ layer: L.dense({ units: 3, activation: 'tanh' }) }),
      L.rnn({ cell: [L.lstmCell(cell), L.gruCell(cell)], returnSequences: true }),
      L.simpleRNN({ units: 4 }),
      L.dense({ units: 2 }),
    ],
  });

/** A model in a model in a model; the middle one has a path around its convolution. */
function nested() {
  const norm = tf.sequential({
    name: 'innermost',
    layers: [
      L.batchNormalization({ inputShape: [4, 4, 3], name: 'norm' }),
      L.activation({ activation: 'relu' }),
      L.conv2d({ filters: 3, kernelSize: 3, padding: 'same', name: 'inner_conv' }),
    ],
  });
  const at = tf.input({ shape: [4, 4, 3] });
  const around = L.add().apply([at, norm.apply(at)]);
  const block = tf.model({ inputs: at, outputs: around, name: 'block' });
  const image = tf.input({ shape: [6, 6, 1] });
  const first = L.conv2d({ filters: 3, kernelSize: 3, name: 'first_conv' }).apply(image);
  const flat = L.flatten().apply(block.apply(first));
  const hidden = L.dense({ units: 5, activation: 'elu' }).apply(flat);
  const outputs = L.dense({ units: 2, name: 'class' }).apply(hidden);
  return tf.model({ inputs: image, outputs, name: 'nested' });
}

/** Two inputs, two outputs; one layer and one model used for both inputs, one layer twice in a row. */
function shared() {
  const inputs = ['left', 'right'].map((name) => tf.input({ shape: [4], name }));
  const encoder = tf.sequential({
    name: 'encoder',
    layers: [
      L.dense({ units: 5, activation: 'tanh', inputShape: [4], name: 'wide' }),
      L.dense({ units: 4, name: 'narrow' }),
    ],
  });
  const twice = L.dense({ units: 4, activation: 'softsign', name: 'twice' });
  const encoded = inputs.map((input) => twice.apply(twice.apply(encoder.apply(input))));
  const [difference, product] = [L.concatenate(), L.multiply()].map((l) => l.apply(encoded));
  return tf.model({
    inputs,
    outputs: [
      L.dense({ units: 2, name: 'first_out' }).apply(difference),
      L.dense({ units: 1, name: 'second_out' }).apply(product),
    ],
    name: 'shared',
  });
}

const custom = () =>
  tf.sequential({
    name: 'custom',
    layers: [
      L.dense({ units: 6, inputShape: [4], activation: 'tanh' }),
      new Gated({ units: 5, name: 'gated' }),
      L.layerNormalization(),
      new Gated({ units: 4, name: 'gated_too' }),
      L.dropout({ rate: 0 }),
      L.dense({ units: 2 }),
    ],
  });

const sentences = () =>
  tf.sequential({
    name: 'sentences',
    layers: [
      L.embedding({ inputDim: 9, outputDim: 4, maskZero: true, inputLength: 5 }),
      L.dense({ units: 4 }),
      L.lstm({ units: 4, returnSequences: true }),
      L.conv1d({ filters: 3, kernelSize: 2 }),
      L.globalMaxPooling1d(),
      L.dense({ units: 2 }),
    ],
  });

function images() {
  const image = tf.input({ shape: [8, 8, 2], name: 'input_1' });
  const steps = [
    L.conv2d({ filters: 3, kernelSize: 3, padding: 'same', useBias: false, name: 'conv2d' }),
    L.batchNormalization({ name: 'batch_normalization' }),
    L.reLU({ maxValue: 6, name: 're_lu' }),
    L.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, name: 'depthwise_conv2d' }),
    L.maxPooling2d({ poolSize: 2, name: 'max_pooling2d' }),
    L.separableConv2d({ filters: 4, kernelSize: 2, name: 'separable_conv2d' }),
    L.reshape({ targetShape: [4, 4], name: 'reshape' }),
    L.lstm({ units: 4, recurrentActivation: 'sigmoid', name: 'lstm' }),
    L.dense({ units: 2, activation: 'linear', name: 'dense' }),
  ];
  return tf.model({ inputs: image, outputs: steps.reduce((x, l) => l.apply(x), image) });
}

const noise = (seed, shape) => tf.randomUniform(shape, -1, 1, 'float32', seed);
const tokens = (seed, shape) => tf.randomUniform(shape, 0, 9, 'int32', seed);

/** An affine code of the values in unsigned integers, with an exact zero, as tensorflowjs_converter makes it. */
function quantized(spec, values, dtype) {
  const steps = dtype === 'uint8' ? 255 : 65535;
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const scale = (high - low) / steps || 1;
  const min = -Math.round(-low / scale) * scale;
  const codes = values.map((value) =>
    Math.max(0, Math.min(steps, Math.round((value - min) / scale))),
  );
  const data = dtype === 'uint8' ? Uint8Array.from(codes) : Uint16Array.from(codes);
  return { spec: { ...spec, quantization: { min, scale, dtype } }, data };
}

/** What tensorflowjs_converter --input_format=keras writes around and into a topology. */
function asKeras({ modelTopology, specs }) {
  const { config } = modelTopology;
  const ofKeras = { dtype: 'float32', trainable: true };
  const layers = config.layers.map((layer) => ({
    ...layer,
    config: {
      ...ofKeras,
      ...(layer.class_name === 'Conv2D' ? { groups: 1 } : {}),
      ...layer.config,
    },
  }));
  return {
    modelTopology: {
      keras_version: '2.4.0',
      backend: 'tensorflow',
      model_config: {
        class_name: 'Functional',
        config: { ...config, name: 'functional_1', layers },
      },
      training_config: {
        loss: 'mse',
        metrics: null,
        weighted_metrics: null,
        loss_weights: null,
        optimizer_config: { class_name: 'Adam', config: { name: 'Adam', learning_rate: 0.001 } },
      },
    },
    // Since 2.2 Keras names the cell of a recurrent layer too.
    specs: specs.map((spec) => ({ ...spec, name: spec.name.replace('lstm/', 'lstm/lstm_cell/') })),
    generatedBy: 'keras v2.4.0',
    convertedBy: 'TensorFlow.js Converter v3.21.0',
  };
}

/** The files of a model, by name: model.json and shards that may end within a weight. */
async function filesOf(model, { quantize, keras = false, shards = 1 }) {
  let saved;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const topology = JSON.parse(JSON.stringify(saved.modelTopology));
  let [offset, specs, bytes] = [0, saved.weightSpecs, Buffer.from(saved.weightData)];
  if (quantize !== undefined) {
    const coded = specs.map((spec, at) => {
      const size = tf.util.sizeFromShape(spec.shape);
      const values = [...new Float32Array(saved.weightData, offset, size)];
      offset += 4 * size;
      return quantized(spec, values, quantize[at % quantize.length]);
    });
    specs = coded.map(({ spec }) => spec);
    bytes = Buffer.concat(coded.map(({ data }) => Buffer.from(data.buffer)));
  }
  const {
    modelTopology,
    specs: weights,
    ...rest
  } = keras
    ? asKeras({ modelTopology: topology, specs })
    : { modelTopology: topology, specs, generatedBy: saved.generatedBy, convertedBy: null };
  const paths = Array.from({ length: shards }, (_, i) => `group1-shard${i + 1}of${shards}.bin`);
  const each = Math.ceil(bytes.length / shards);
  const manifest = [{ paths, weights }];
  return {
    'model.json': Buffer.from(
      JSON.stringify({ format: 'layers-model', ...rest, modelTopology, weightsManifest: manifest }),
    ).toString('base64'),
    ...Object.fromEntries(
      paths.map((path, i) => [path, bytes.subarray(i * each, (i + 1) * each).toString('base64')]),
    ),
  };
}

const CASES = [
  { title: 'a recurrent model', build: recurrent, inputs: [noise(1, [6, 5, 3])] },
  { title: 'a nested model', build: nested, inputs: [noise(1, [6, 6, 6, 1])] },
  {
    title: 'shared layers, two inputs and two outputs',
    build: shared,
    inputs: [noise(1, [6, 4]), noise(2, [6, 4])],
  },
  { title: 'layers of a custom class', build: custom, inputs: [noise(1, [6, 4])] },
  {
    title: 'an embedding, with quantised weights',
    build: sentences,
    inputs: [tokens(1, [6, 5])],
    file: { quantize: ['uint16', 'uint8'] },
  },
  {
    title: "a model in Keras' format, in shards",
    build: images,
    inputs: [noise(1, [6, 8, 8, 2])],
    file: { keras: true, shards: 3 },
  },
];

const asData = (tensors) =>
  [tensors].flat().map((tensor) => {
    const { shape, dtype } = tensor;
    return { shape, dtype, values: Array.from(tensor.dataSync()) };
  });

/** What stock tfjs loads from the files. */
async function load(files) {
  const url = 'http://stock/';
  const fetchFunc = async (path) =>
    new Response(Buffer.from(files[path.slice(url.length)], 'base64'));
  return tf.loadLayersModel(tf.io.http(`${url}model.json`, { fetchFunc }));
}

/** What stock tfjs predicts from files and inputs as data. */
export async function predictFrom(files, inputs) {
  await tf.setBackend('cpu');
  const model = await load(files);
  const tensors = inputs.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype));
  return asData(model.predict(tensors.length === 1 ? tensors[0] : tensors));
}

/** Biases, moving statistics and gains with other values than those they start at. */
function disturb(model) {
  model.setWeights(
    model.weights.map((weight, at) => {
      const by = noise(50 + at, weight.shape).mul(0.2);
      return weight.read().add(weight.name.endsWith('moving_variance') ? by.abs() : by);
    }),
  );
}

/** All models as files, with inputs and what stock tfjs makes of them. */
export async function saveAll() {
  await tf.setBackend('cpu');
  const all = [];
  for (const { title, build, inputs: tensors, file = {} } of CASES) {
    const model = build();
    disturb(model);
    const files = await filesOf(model, file);
    const inputs = asData(tensors);
    all.push({ title, files, inputs, outputs: await predictFrom(files, inputs) });
  }
  return all;
}
