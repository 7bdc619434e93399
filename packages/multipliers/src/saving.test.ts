import * as tf from '@tensorflow/tfjs-core';
import {
  initializers,
  type LayersModel,
  layers,
  loadLayersModel,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { CASES, copyCommon, Gated, modelOf, scrambleWeights, weightOf } from '../test/layers.ts';
import { numbers } from '../test/numbers.ts';
import { withMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

type Layer = layers.Layer;
type Config = tf.serialization.ConfigDict;

/** What a file of the model holds, through JSON as a file would be. */
async function saved(model: LayersModel, includeOptimizer = false): Promise<tf.io.ModelArtifacts> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (given) => {
    artifacts = given;
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
  });
  await model.save(handler, { includeOptimizer });
  const { weightData, ...rest } = artifacts as tf.io.ModelArtifacts;
  return { ...(JSON.parse(JSON.stringify(rest)) as object), weightData: weightData as ArrayBuffer };
}

const load = (artifacts: tf.io.ModelArtifacts, strict = true): Promise<LayersModel> =>
  loadLayersModel(tf.io.fromMemory(artifacts), { strict });

const outputs = (model: LayersModel, input: tf.Tensor): number[] =>
  tf.tidy(() => [...(model.predict(input) as tf.Tensor).dataSync()]);

const classOf = (layer: Layer) =>
  layer.constructor as unknown as { fromConfig(cls: unknown, config: unknown): Layer };
const rebuilt = (layer: Layer, config: unknown = layer.getConfig()): Layer =>
  classOf(layer).fromConfig(classOf(layer), config);

// tfjs does not save the name of stacked cells.
const withoutNumber = (text: string): string => text.replaceAll(/_StackedRNNCells\d+/g, '');
const topology = (model: LayersModel): string => withoutNumber(model.toJSON(null) as string);
const configOf = (layer: Layer): unknown =>
  JSON.parse(withoutNumber(JSON.stringify(layer.getConfig())));

describe.each(CASES.map((given) => [given.title, given] as const))('%s', (_, given) => {
  test('a file gives the same model back', async () => {
    const options = {
      scalar: true,
      initializer: { row: initializers.constant({ value: 3 }) },
      ...given.options,
    };
    const model = modelOf(withMultipliers(given.layer(), options));
    scrambleWeights(model);
    const input = given.input();
    const loaded = await load(await saved(model));
    expect(loaded.layers[0]?.getClassName()).toBe('LrmMultipliers');
    expect(outputs(loaded, input)).toEqual(outputs(model, input));
    expect(topology(loaded)).toBe(topology(model));
    for (const at of [model, loaded, input]) at.dispose();
  });

  test('a clone has the same options and starts where a new layer would', () => {
    const layer = withMultipliers(given.layer(), {
      column: false,
      initializer: { row: 'zeros' },
      ...given.options,
    });
    const config = layer.getConfig();
    const frozen = JSON.stringify(config);
    const clones = [rebuilt(layer, config), rebuilt(layer, config)];
    expect(JSON.stringify(config)).toBe(frozen);
    for (const clone of clones) {
      expect(configOf(clone)).toEqual(configOf(layer));
      const model = modelOf(clone);
      const row = weightOf(model, `wrapped/${given.kernels[0]}/row_multiplier`);
      expect(row.dataSync().every((value) => value === 0)).toBe(true);
      model.dispose();
    }
  });

  test('a plain file loads into the wrapped model and the other way round, when strict is false', async () => {
    const plain = modelOf(given.layer());
    const wrapped = modelOf(withMultipliers(given.layer(), { scalar: true, ...given.options }));
    const input = given.input();
    scrambleWeights(plain);
    const [plainFile, wrappedFile] = [await saved(plain), await saved(wrapped)];
    const intoWrapped = await load(
      { ...plainFile, modelTopology: wrappedFile.modelTopology as object },
      false,
    );
    expect(outputs(intoWrapped, input)).toEqual(outputs(plain, input));
    const intoPlain = await load(
      { ...wrappedFile, modelTopology: plainFile.modelTopology as object },
      false,
    );
    copyCommon(wrapped, plain);
    expect(outputs(intoPlain, input)).toEqual(outputs(plain, input));
    await expect(
      load({ ...plainFile, modelTopology: wrappedFile.modelTopology as object }),
    ).rejects.toThrow(/row_multiplier/);
    for (const at of [plain, wrapped, intoWrapped, intoPlain, input]) at.dispose();
  });
});

test('training goes on from a file with its optimizer as if it had not stopped', async () => {
  const build = (): LayersModel =>
    sequential({
      layers: [
        withMultipliers(layers.dense({ units: 5, activation: 'tanh', inputShape: [3] })),
        withMultipliers(layers.dense({ units: 2 }), { row: false, scalar: true }),
      ],
    });
  const model = build();
  // Momentum's state has no powers that a file would round.
  model.compile({ optimizer: tf.train.momentum(0.1, 0.9), loss: 'meanSquaredError' });
  const [x, y] = [tf.tensor2d(numbers(1, 24), [8, 3]), tf.tensor2d(numbers(2, 16), [8, 2])];
  const train = (at: LayersModel) =>
    at.fit(x, y, { epochs: 3, batchSize: 8, shuffle: false, verbose: 0 });
  await train(model);
  const loaded = await load(await saved(model, true));
  await train(model);
  await train(loaded);
  expect(outputs(loaded, x)).toEqual(outputs(model, x));
  tf.dispose([x, y]);
});

test('loading strictly skips the initializers of the layer inside', async () => {
  let drawn = 0;
  class Counting extends Object.getPrototypeOf(initializers.zeros().constructor) {
    static readonly className = 'TestCounting';
    apply(shape: number[]): tf.Tensor {
      drawn += 1;
      return tf.ones(shape);
    }
    getConfig(): Config {
      return {};
    }
  }
  tf.serialization.registerClass(Counting as never);
  const start = 'TestCounting' as 'ones';
  const model = modelOf(
    withMultipliers(layers.dense({ units: 2, inputShape: [3], kernelInitializer: start }), {
      initializer: { row: start },
    }),
  );
  expect(drawn).toBe(2);
  const loaded = await load(await saved(model));
  expect(drawn).toBe(2);
  loaded.dispose();
  model.dispose();
});

test('names with underscores and frozen layers survive a file', async () => {
  class Underscored extends Gated {
    static override readonly className: string = 'TestUnderscored';
    declare my_kernel: typeof this.kernel;
    override build(inputShape: number[]): void {
      super.build(inputShape);
      this.my_kernel = this.kernel;
    }
  }
  tf.serialization.registerClass(Underscored);
  const layer = new Underscored({ units: 2, inputShape: [3], name: 'my_layer' });
  const model = modelOf(withMultipliers(layer, { kernels: ['my_kernel'], name: 'its_name' }));
  (model.layers[0] as Layer).trainable = false;
  const loaded = await load(await saved(model));
  const [found] = loaded.layers as [Layer];
  expect(found.getConfig()['kernels']).toEqual([{ name: 'my_kernel' }]);
  expect(found.name).toBe('its_name');
  expect(found.trainable).toBe(false);
  expect(loaded.trainableWeights).toEqual([]);
  loaded.dispose();
  model.dispose();
});

test('a frozen layer whose factors are trained stays so', () => {
  const layer = withMultipliers(layers.dense({ units: 2, inputShape: [3], name: 'half' }));
  layer.layer.trainable = false;
  const model = modelOf(rebuilt(layer));
  expect(model.trainableWeights.map(({ originalName }) => originalName)).toEqual([
    'half/kernel/row_multiplier',
    'half/kernel/column_multiplier',
  ]);
  model.dispose();
});

describe('a configuration is data', () => {
  const layer = withMultipliers(layers.dense({ units: 2, inputShape: [3] }));
  const broken = (change: (config: Record<string, unknown>) => void): unknown => {
    const config = JSON.parse(JSON.stringify(layer.getConfig())) as Record<string, unknown>;
    change(config);
    return config;
  };
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { deeper: nested(depth - 1) });

  test.each<[string, unknown, RegExp]>([
    [
      '__proto__',
      JSON.parse('{"layer":{"className":"Dense","config":{"__proto__":{"units":2}}}}'),
      /must not have the key "__proto__"/,
    ],
    [
      'constructor',
      broken((config) => Object.assign(config, { constructor: 1 })),
      /must not have the key "constructor"/,
    ],
    [
      'absurd nesting',
      broken((config) => Object.assign(config, { more: nested(40) })),
      /nested deeper than 32/,
    ],
    [
      'an unknown class',
      broken((config) => Object.assign(config, { layer: { className: 'Nowhere', config: {} } })),
      /"Nowhere" is not registered/,
    ],
    [
      'a class that JavaScript inherits',
      broken((config) => Object.assign(config, { layer: { className: 'toString', config: {} } })),
      /"toString" is not registered/,
    ],
    [
      'a class that is not one of layers',
      broken((config) => Object.assign(config, { layer: { className: 'Zeros', config: {} } })),
      /"Zeros" is not a class of layers/,
    ],
    [
      'a wrapper in a wrapper',
      { layer: { className: 'LrmMultipliers', config: layer.getConfig() } },
      /has multipliers already/,
    ],
    [
      'no layer',
      broken((config) => Object.assign(config, { layer: null })),
      /saved as { className, config }/,
    ],
    [
      'a wrong flag',
      broken((config) => Object.assign(config, { row: 'yes' })),
      /"row" must be true or false/,
    ],
    [
      'wrong kernels',
      broken((config) => Object.assign(config, { kernels: [{}] })),
      /"kernels" must be a list/,
    ],
    ['no configuration', 'LrmMultipliers', /must be one object/],
  ])('%s is refused', (_, config, message) => {
    expect(() => rebuilt(layer, config)).toThrow(message);
  });

  test('unknown keys are ignored, because tfjs adds some', () => {
    const clone = rebuilt(layer, { ...layer.getConfig(), customObjects: { Dense }, later: true });
    expect(clone.getConfig()).toEqual(layer.getConfig());
  });
});

class Dense {}
