import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { constraints, type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Gated, modelOf, scrambleWeights } from '../test/layers.ts';
import { all, MODELS, mlp, plain, predict, siamese, values, weightNames } from '../test/models.ts';
import { distance, numbers } from '../test/numbers.ts';
import { foldMultipliers, withMultipliers } from './index.ts';

type Layer = layers.Layer;

eachBackend((backend) => {
  describe.each(MODELS.filter(({ runsOn }) => runsOn?.includes(backend) ?? true))(
    '$title',
    ({ build, inputs: make }) => {
      test('folding leaves every output unchanged, and makes the model that was never wrapped', () => {
        const [source, reference, inputs] = [build(all), build(plain), make()];
        scrambleWeights(source);
        const [before, weights] = [predict(source, inputs), values(source)];
        const folded = foldMultipliers(source);
        expect(distance(predict(folded, inputs), before)).toBeLessThan(1e-6);
        expect(weightNames(folded)).toEqual(weightNames(reference));
        expect(folded.countParams()).toBe(reference.countParams());
        expect(JSON.stringify(folded.getConfig())).not.toContain('Lrm');
        expect(folded.name).toBe(source.name);
        expect(folded.constructor).toBe(source.constructor);
        expect(values(source)).toEqual(weights);
        expect(predict(source, inputs)).toEqual(before);
        source.dispose();
        expect(distance(predict(folded, inputs), before)).toBeLessThan(1e-6);
        tf.dispose(inputs);
        folded.dispose();
        reference.dispose();
      });

      test('a model without multipliers folds to an equal one', () => {
        const [source, inputs] = [build(plain), make()];
        scrambleWeights(source);
        const folded = foldMultipliers(source);
        expect(predict(folded, inputs)).toEqual(predict(source, inputs));
        expect(weightNames(folded)).toEqual(weightNames(source));
        folded.dispose();
        expect(predict(source, inputs).length).toBeGreaterThan(0);
        source.dispose();
        tf.dispose(inputs);
      });
    },
  );
});

test('folding adds the tensors of the new model, and its disposal frees them', () => {
  const source = mlp(all);
  const before = tf.memory().numTensors;
  const folded = foldMultipliers(source);
  expect(tf.memory().numTensors).toBe(before + folded.weights.length);
  folded.dispose();
  expect(tf.memory().numTensors).toBe(before);
  source.dispose();
});

test('training the folded model does not move the source', async () => {
  const source = mlp(all);
  const folded = foldMultipliers(source);
  const before = values(source);
  folded.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const [x, y] = [tf.ones([4, 3]), tf.ones([4, 2])];
  await folded.fit(x, y, { verbose: 0 });
  expect(values(source)).toEqual(before);
  tf.dispose([x, y]);
  source.dispose();
  folded.dispose();
});

test('the constraint of a folded kernel is dropped, so that loading does not change it', () => {
  const source = modelOf(
    withMultipliers(
      layers.dense({
        units: 2,
        inputShape: [3],
        kernelConstraint: constraints.nonNeg(),
        biasConstraint: constraints.nonNeg(),
      }),
      { initializer: { row: 'zeros' } },
    ),
  );
  const config = foldMultipliers(source).layers[0]?.getConfig();
  expect(config?.['kernelConstraint']).toBeNull();
  expect(config?.['biasConstraint']).not.toBeNull();
});

test('values are copied as they are, past constraints, and by name where a weight is frozen by itself', () => {
  const kernelConstraint = constraints.nonNeg();
  const source = sequential({
    layers: [
      withMultipliers(layers.dense({ units: 4, inputShape: [3], name: 'a' })),
      layers.dense({ units: 4, kernelConstraint, name: 'b' }),
    ],
  });
  scrambleWeights(source, -2);
  // It comes after the bias now.
  for (const weight of source.weights.filter(({ originalName }) =>
    originalName.endsWith('kernel'),
  )) {
    weight.trainable = false;
  }
  const x = tf.tensor2d(numbers(5, 12, -1, 1), [4, 3]);
  const folded = foldMultipliers(source);
  expect(distance(predict(folded, [x]), predict(source, [x]))).toBeLessThan(1e-6);
  tf.dispose(x);
});

test('a renamed layer, a frozen one and one that was built before keep what they are', () => {
  const built = layers.dense({ units: 4, name: 'early', inputShape: [3] });
  built.build([null, 3]);
  built.built = true;
  const late = withMultipliers(layers.dense({ units: 2, name: 'late' }));
  const source = sequential({
    layers: [
      withMultipliers(built, { name: 'renamed' }),
      layers.dense({ units: 2, trainable: false, name: 'frozen' }),
      late,
    ],
  });
  late.trainable = false;
  scrambleWeights(source);
  const x = tf.tensor2d(numbers(5, 12, -1, 1), [4, 3]);
  const folded = foldMultipliers(source);
  expect(folded.layers.map(({ name, trainable }) => [name, trainable])).toEqual([
    ['renamed', true],
    ['frozen', false],
    ['late', false],
  ]);
  expect(weightNames(folded)).toContain('renamed/kernel');
  expect(distance(predict(folded, [x]), predict(source, [x]))).toBeLessThan(1e-6);
  source.trainable = false;
  expect(foldMultipliers(source).trainableWeights).toEqual([]);
  tf.dispose(x);
});

test('a custom layer that holds wrapped layers is folded too', () => {
  class Block extends Gated {
    static override readonly className: string = 'TestBlock';
    readonly inside: Layer;
    constructor(args: {
      inside: { className: string; config: tf.serialization.ConfigDict };
      units: number;
    }) {
      super(args);
      const entry = tf.serialization.SerializationMap.getMap().classNameMap[args.inside.className];
      const [cls, fromConfig] = entry as NonNullable<typeof entry>;
      this.inside = fromConfig(cls, args.inside.config) as unknown as Layer;
    }
    override build(inputShape: number[]): void {
      this.inside.build(inputShape);
      this.inside.built = true;
      this.built = true;
    }
    override call(inputs: tf.Tensor): tf.Tensor {
      return this.inside.call(inputs, {}) as tf.Tensor;
    }
    override get trainableWeights(): Layer['trainableWeights'] {
      return this.inside.trainableWeights;
    }
    override getConfig(): tf.serialization.ConfigDict {
      return {
        ...super.getConfig(),
        inside: { className: this.inside.getClassName(), config: this.inside.getConfig() },
      };
    }
  }
  tf.serialization.registerClass(Block);
  const inside = withMultipliers(layers.dense({ units: 2, name: 'inside' }));
  const source = modelOf(
    new Block({
      units: 2,
      inside: { className: 'LrmMultipliers', config: inside.getConfig() },
      inputShape: [3],
    } as never),
  );
  scrambleWeights(source);
  const x = tf.tensor2d(numbers(5, 12, -1, 1), [4, 3]);
  const folded = foldMultipliers(source);
  expect(folded.weights.map(({ shape }) => shape)).toEqual([[3, 2], [2]]);
  expect(distance(predict(folded, [x]), predict(source, [x]))).toBeLessThan(1e-6);
  tf.dispose(x);
});

test('a folded file loads where this package was never heard of', async () => {
  const source = siamese(all);
  scrambleWeights(source);
  const inputs = [6, 7].map((at) => tf.tensor2d(numbers(at, 12, -1, 1), [4, 3]));
  const folder = mkdtempSync(path.join(tmpdir(), 'multipliers-'));
  const file = path.join(folder, 'model.json');
  const write = async (model: LayersModel): Promise<void> => {
    await model.save(
      tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
        const weights = Buffer.from(weightData as ArrayBuffer).toString('base64');
        writeFileSync(file, JSON.stringify({ modelTopology, weightSpecs, weights }));
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
  };
  const script = `
    import { readFileSync } from 'node:fs';
    import * as tf from '@tensorflow/tfjs-core';
    import { loadLayersModel } from '@tensorflow/tfjs-layers';
    import '@tensorflow/tfjs-backend-cpu';
    const { weights, ...artifacts } = JSON.parse(readFileSync(process.argv[1], 'utf8'));
    const weightData = new Uint8Array(Buffer.from(weights, 'base64')).buffer;
    const model = await loadLayersModel(tf.io.fromMemory({ ...artifacts, weightData }));
    const outputs = model.predict(JSON.parse(process.argv[2]).map((values) => tf.tensor2d(values, [4, 3])));
    console.log(JSON.stringify(outputs.flatMap((output) => [...output.dataSync()])));`;
  const run = (): number[] => {
    const given = JSON.stringify(inputs.map((at) => [...at.dataSync()]));
    const printed = execFileSync(
      process.execPath,
      ['--input-type=module', '-e', script, file, given],
      { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    );
    return JSON.parse(printed.trim().split('\n').at(-1) as string) as number[];
  };
  try {
    await write(foldMultipliers(source));
    expect(distance(run(), predict(source, inputs))).toBeLessThan(1e-6);
    await write(source);
    expect(run).toThrow(/Unknown layer: LrmMultipliers/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('metadata of the user goes along', () => {
  const source = mlp(all);
  source.setUserDefinedMetadata({ run: 7 });
  expect(foldMultipliers(source).getUserDefinedMetadata()).toEqual({ run: 7 });
});
