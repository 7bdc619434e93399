import * as tf from '@tensorflow/tfjs-core';
import {
  constraints,
  model as functional,
  initializers,
  input,
  type LayersModel,
  layers,
  loadLayersModel,
  regularizers,
  sequential,
} from '@tensorflow/tfjs-layers';
import { assignRoles, describeRoles, roleOf, setRole } from '@tfjs-lrm/core';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { eachBackend, useBackend } from '../../../test/backends.ts';
import { Gated, modelOf, scrambleWeights, weightOf } from '../test/layers.ts';
import { all, MODELS, mlp, plain, predict, siamese, values, weightNames } from '../test/models.ts';
import { distance, numbers } from '../test/numbers.ts';
import { addMultipliers, foldMultipliers, type MultiplierLayer, withMultipliers } from './index.ts';

const roles = (model: LayersModel): string[] =>
  model.weights.map((weight) => roleOf(weight.read() as tf.Variable));
// tfjs gives stacked cells another name each time, and a first layer its default dtype.
const topology = (model: LayersModel): string =>
  JSON.stringify(model.getConfig()).replaceAll(/_StackedRNNCells\d+|,"dtype":"float32"/g, '');
const factorsOf = (model: LayersModel): string[] =>
  weightNames(model).filter((name) => name.endsWith('_multiplier'));

async function reloaded(model: LayersModel): Promise<LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const { modelTopology, ...rest } = saved as tf.io.ModelArtifacts;
  const parsed = JSON.parse(JSON.stringify(modelTopology)) as object;
  return loadLayersModel(tf.io.fromMemory({ ...rest, modelTopology: parsed }));
}

eachBackend((backend) => {
  const models = MODELS.filter(({ runsOn }) => runsOn?.includes(backend) ?? true);
  describe.each(models)('$title', ({ build, inputs: make, options }) => {
    const add = (model: LayersModel): LayersModel =>
      addMultipliers(model, options === undefined ? {} : { placement: () => options });

    test('every output is what it was, exactly, and the source stays as it was', () => {
      const [source, inputs] = [build(plain), make()];
      scrambleWeights(source, -1);
      const [expected, weights, names] = [predict(source, inputs), values(source), roles(source)];
      const config = topology(source);
      const added = add(source);
      expect(predict(added, inputs)).toEqual(expected);
      expect(added.name).toBe(source.name);
      expect(added.constructor).toBe(source.constructor);
      expect(added.layers.map(({ name }) => name)).toEqual(source.layers.map(({ name }) => name));
      expect(factorsOf(added).length).toBeGreaterThan(0);
      expect(weightNames(added).filter((name) => !name.endsWith('_multiplier'))).toEqual(
        weightNames(source),
      );
      scrambleWeights(added);
      expect([values(source), roles(source)]).toEqual([weights, names]);
      expect(topology(source)).toBe(config);
      expect(predict(source, inputs)).toEqual(expected);
      added.dispose();
      expect(predict(source, inputs)).toEqual(expected);
      source.dispose();
      tf.dispose(inputs);
    });

    test('folding it gives the source back', () => {
      const [source, inputs] = [build(plain), make()];
      scrambleWeights(source, -1);
      const folded = foldMultipliers(add(source));
      expect(weightNames(folded)).toEqual(weightNames(source));
      expect(topology(folded)).toBe(topology(source));
      expect(predict(folded, inputs)).toEqual(predict(source, inputs));
      source.dispose();
      expect(predict(folded, inputs).length).toBeGreaterThan(0);
      folded.dispose();
      tf.dispose(inputs);
    });
  });
});

describe('on cpu', () => {
  beforeAll(() => useBackend('cpu'));

  test('the tensors of the new model are its weights, and its disposal frees them', () => {
    // One without shared layers, which tfjs does not free.
    const source = mlp(plain);
    const before = tf.memory().numTensors;
    const added = addMultipliers(source);
    expect(tf.memory().numTensors).toBe(before + added.weights.length);
    added.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  describe('the kernels that write the outputs', () => {
    const rows = (model: LayersModel): string[] =>
      factorsOf(model).filter((name) => name.endsWith('row_multiplier'));

    test('get column factors alone, behind norms, activations and reshapes too', () => {
      const source = sequential({
        layers: [
          layers.conv2d({ filters: 2, kernelSize: 2, inputShape: [4, 4, 1], name: 'first' }),
          layers.conv2d({ filters: 3, kernelSize: 2, name: 'last' }),
          layers.depthwiseConv2d({ kernelSize: 1, name: 'depth' }),
          layers.batchNormalization({ name: 'norm' }),
          layers.activation({ activation: 'relu' }),
          layers.globalAveragePooling2d({}),
        ],
      });
      expect(factorsOf(addMultipliers(source))).toEqual([
        'depth/depthwise_kernel/row_multiplier',
        'first/kernel/column_multiplier',
        'first/kernel/row_multiplier',
        'last/kernel/column_multiplier',
      ]);
    });

    test('are found from each output, and inside nested models', () => {
      expect(rows(addMultipliers(siamese(plain)))).toEqual([
        'first/kernel/row_multiplier',
        'second/kernel/row_multiplier',
        'shared/kernel/row_multiplier',
      ]);
      const nested = sequential({
        layers: [layers.dense({ units: 4, inputShape: [3], name: 'outer' }), mlpWithInput()],
      });
      expect(rows(addMultipliers(nested))).toEqual([
        'inner/kernel/row_multiplier',
        'outer/kernel/row_multiplier',
      ]);
    });

    test('are also those whose role says so', () => {
      const source = mlp(plain);
      setRole(source.getLayer('hidden'), 'head');
      expect(rows(addMultipliers(source))).toEqual([]);
    });

    test('get a row factor where the placement asks for one', () => {
      const added = addMultipliers(mlp(plain), {
        placement: ({ name }) => (name === 'norm' ? null : { row: true }),
      });
      expect(rows(added)).toEqual(['hidden/kernel/row_multiplier', 'out/kernel/row_multiplier']);
    });

    test('of a separable convolution have factors on the pointwise kernel alone', () => {
      const source = modelOf(
        layers.separableConv2d({ filters: 2, kernelSize: 2, inputShape: [3, 3, 2], name: 's' }),
      );
      const added = addMultipliers(source);
      expect(factorsOf(added)).toEqual(['s/pointwise_kernel/column_multiplier']);
      const x = tf.tensor4d(numbers(1, 18, -1, 1), [1, 3, 3, 2]);
      const expected = predict(source, [x]);
      for (let i = 0; i < 2; i++) expect(predict(added, [x])).toEqual(expected);
      added.dispose();
      expect(predict(source, [x])).toEqual(expected);
    });
  });

  test('a placement gets the layers with weights, those of nested models too, and decides for each', () => {
    const placement = vi.fn((layer: layers.Layer) =>
      layer.name === 'first'
        ? { column: false, scalar: true, initializer: { row: initializers.constant({ value: 3 }) } }
        : null,
    );
    const source = siamese(plain);
    const added = addMultipliers(source, { placement });
    const given = placement.mock.calls.map(([layer]) => layer.name);
    expect(given.sort()).toEqual(['a', 'b', 'first', 'second', 'shared']);
    expect(factorsOf(added)).toEqual([
      'first/kernel/row_multiplier',
      'first/kernel/scalar_multiplier',
    ]);
    expect([...weightOf(added, 'first/kernel/row_multiplier').dataSync()]).toEqual([3, 3, 3, 3]);
    expect([...weightOf(added, 'first/kernel/scalar_multiplier').dataSync()]).toEqual([1]);
  });

  test('a placement that leaves everything as it is gives a copy', () => {
    const source = mlp(plain);
    const copy = addMultipliers(source, { placement: () => null });
    expect(topology(copy)).toBe(topology(source));
    expect(values(copy)).toEqual(values(source));
  });

  test('layers that have multipliers stay as they are', () => {
    const source = sequential({
      layers: [
        withMultipliers(layers.dense({ units: 4, inputShape: [2, 3], name: 'one' }), {
          column: false,
        }),
        layers.timeDistributed({ layer: all(layers.dense({ units: 4, name: 'd' })), name: 'two' }),
        layers.dense({ units: 2, name: 'three' }),
      ],
    });
    scrambleWeights(source);
    const x = tf.tensor3d(numbers(1, 12, -1, 1), [2, 2, 3]);
    const added = addMultipliers(source);
    expect(predict(added, [x])).toEqual(predict(source, [x]));
    expect(factorsOf(added)).toEqual(
      [...factorsOf(source), 'three/kernel/column_multiplier'].sort(),
    );
    const again = addMultipliers(added);
    expect(topology(again)).toBe(topology(added));
    expect(values(again)).toEqual(values(added));
  });

  test('what is frozen stays frozen: a layer, a nested model, a weight, the whole', () => {
    const build = (): LayersModel => {
      const source = siamese(plain);
      source.getLayer('encoder').trainable = false;
      source.getLayer('shared').trainable = false;
      const bias = source.getLayer('a').weights[1];
      if (bias !== undefined) bias.trainable = false;
      return source;
    };
    const source = build();
    for (const copy of [addMultipliers(source), foldMultipliers(addMultipliers(source))]) {
      const trained = copy.trainableWeights.map(({ originalName }) => originalName);
      expect(trained.filter((name) => !name.endsWith('_multiplier')).sort()).toEqual([
        'a/kernel',
        'b/bias',
        'b/kernel',
      ]);
      expect(trained.some((name) => /^(first|second|shared).*multiplier$/.test(name))).toBe(false);
    }
    source.trainable = false;
    expect(addMultipliers(source).trainableWeights).toEqual([]);
  });

  test('a loaded model takes multipliers, trains on, is folded, saved and loaded', async () => {
    const [x, y] = [
      tf.tensor2d(numbers(1, 24, -1, 1), [8, 3]),
      tf.tensor2d(numbers(2, 16), [8, 2]),
    ];
    const loaded = await reloaded(mlp(plain));
    loaded.setUserDefinedMetadata({ run: 7 });
    const added = addMultipliers(loaded);
    expect(predict(added, [x])).toEqual(predict(loaded, [x]));
    expect(added.getUserDefinedMetadata()).toEqual({ run: 7 });
    expect(() => added.evaluate(x, y)).toThrow(/compile/);
    added.compile({ optimizer: tf.train.sgd(0.05), loss: 'meanSquaredError' });
    const { history } = await added.fit(x, y, { epochs: 20, batchSize: 8, verbose: 0 });
    const losses = history['loss'] as number[];
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
    expect(
      weightOf(added, 'hidden/kernel/row_multiplier')
        .dataSync()
        .every((r) => r === 1),
    ).toBe(false);
    const [kept, folded] = [await reloaded(added), await reloaded(foldMultipliers(added))];
    expect(predict(kept, [x])).toEqual(predict(added, [x]));
    expect(distance(predict(folded, [x]), predict(added, [x]))).toBeLessThan(1e-6);
    expect(topology(folded)).toBe(topology(loaded));
    tf.dispose([x, y]);
  });

  test('the depth multiplier of a separable convolution, which tfjs does not save, is kept', async () => {
    const build = (wrap: (layer: layers.Layer) => layers.Layer): LayersModel =>
      sequential({
        layers: [
          wrap(
            layers.separableConv2d({
              filters: 3,
              kernelSize: 2,
              depthMultiplier: 2,
              inputShape: [3, 3, 2],
            }),
          ),
          layers.flatten(),
          layers.dense({ units: 2 }),
        ],
      });
    const x = tf.tensor4d(numbers(1, 18, -1, 1), [1, 3, 3, 2]);
    const source = build(plain);
    const added = addMultipliers(source);
    expect(predict(added, [x])).toEqual(predict(source, [x]));
    expect(predict(foldMultipliers(added), [x])).toEqual(predict(source, [x]));
    expect(predict(foldMultipliers(source), [x])).toEqual(predict(source, [x]));
    expect(predict(await reloaded(added), [x])).toEqual(predict(source, [x]));
  });

  test('the regularizer and the constraint of a depthwise convolution, which tfjs mixes up, are kept', async () => {
    const depthwise = {
      ...{ kernelSize: 2, name: 'depthwise' },
      depthwiseRegularizer: regularizers.l2(),
      depthwiseConstraint: constraints.maxNorm({ maxValue: 3 }),
    };
    const source = sequential({
      layers: [
        layers.depthwiseConv2d({ ...depthwise, inputShape: [4, 4, 2] }),
        layers.flatten(),
        layers.dense({ units: 2 }),
      ],
    });
    await expect(reloaded(source)).rejects.toThrow(/shape of the new value/);
    const added = addMultipliers(source);
    const inside = (added.layers[0] as MultiplierLayer).layer;
    expect(inside).toHaveProperty('depthwiseRegularizer.l2', 0.01);
    expect(inside).toHaveProperty('depthwiseConstraint.maxValue', 3);
    // Folded, the constraint has gone with W.
    const [folded] = foldMultipliers(added).layers;
    expect(folded).toHaveProperty('depthwiseRegularizer.l2', 0.01);
    expect(folded).toHaveProperty('depthwiseConstraint', null);
    added.dispose();
    source.dispose();
  });

  test('a decoder goes on starting from the states of its encoder', () => {
    const lstm = (name: string, args: object): layers.Layer =>
      layers.lstm({ units: 3, recurrentInitializer: 'glorotNormal', name, ...args });
    const [from, to] = [input({ shape: [4, 2] }), input({ shape: [3, 2] })];
    type Symbolic = typeof from;
    const [, ...states] = lstm('encoder', { returnState: true }).apply(from) as Symbolic[];
    const decoded = lstm('decoder', { returnSequences: true }).apply([to, ...states] as never);
    const outputs = layers.dense({ units: 2, name: 'words' }).apply(decoded as Symbolic);
    const source = functional({ inputs: [from, to], outputs: outputs as Symbolic });
    const inputs = [
      tf.tensor3d(numbers(1, 16, -1, 1), [2, 4, 2]),
      tf.tensor3d(numbers(2, 12, -1, 1), [2, 3, 2]),
    ];
    const added = addMultipliers(source);
    expect(predict(added, inputs)).toEqual(predict(source, inputs));
    expect(factorsOf(added).length).toBe(9);
  });

  test('the roles of the source go along, those of setRole, of overrides and of structure', () => {
    const source = siamese(plain);
    setRole(weightOf(source, 'a/bias'), 'matrix');
    assignRoles(source, { second: 'embedding' });
    setRole(source.getLayer('shared'), 'vector');
    const reasons = (model: LayersModel) =>
      describeRoles(model).rows.flatMap(({ name, role, reason }) =>
        /multiplier/.test(name) ? [] : [`${name.replace(/_\d+$/, '')} ${role}: ${reason}`],
      );
    const expected = reasons(source).sort();
    expect(expected.filter((row) => /setRole|override|output layer/.test(row)).length).toBe(5);
    const added = addMultipliers(source);
    expect(reasons(added).sort()).toEqual(expected);
    expect(reasons(foldMultipliers(added)).sort()).toEqual(expected);
    // They are the copy's own from there on.
    setRole(added.getLayer('shared'), 'matrix');
    expect(roleOf(weightOf(source, 'shared/kernel'))).toBe('vector');
  });

  describe('a layer that holds layers', () => {
    class Attention extends Gated {
      static override readonly className: string = 'TestAttention';
      readonly query = layers.dense({ units: this.units, name: 'query' });
      readonly parts = [layers.dense({ units: this.units, useBias: false, name: 'part' })];
      override build(inputShape: number[]): void {
        for (const layer of [this.query, ...this.parts]) {
          layer.build(inputShape);
          layer.built = true;
          this._trainableWeights.push(...layer.trainableWeights);
        }
        this.built = true;
      }
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        const call = (layer: layers.Layer) => layer.call(inputs, {}) as tf.Tensor;
        return tf.tidy(() => tf.mul(call(this.query), call(this.parts[0] as layers.Layer)));
      }
    }
    tf.serialization.registerClass(Attention);
    const attention = () => new Attention({ units: 4, inputShape: [3], name: 'attention' });
    const advice =
      /layer "attention" \(TestAttention\): { kernels: \['query\.kernel', 'parts\.0\.kernel'\] }/;

    test('stays plain, which is said once with what to write, and that works', () => {
      const source = sequential({
        layers: [attention(), layers.dense({ units: 2, name: 'out' })],
      });
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      expect(factorsOf(addMultipliers(source))).toEqual(['out/kernel/column_multiplier']);
      expect(warn.mock.calls.map(([text]) => text)).toEqual([expect.stringMatching(advice)]);
      warn.mockClear();
      const kernels = ['query.kernel', 'parts.0.kernel'];
      const placement = (layer: layers.Layer) => (layer.name === 'out' ? null : { kernels });
      const added = addMultipliers(source, { placement });
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
      const x = tf.tensor2d(numbers(5, 12, -1, 1), [4, 3]);
      expect(predict(added, [x])).toEqual(predict(source, [x]));
      expect(factorsOf(added).length).toBe(4);
      scrambleWeights(added);
      expect(distance(predict(foldMultipliers(added), [x]), predict(added, [x]))).toBeLessThan(
        1e-6,
      );
      x.dispose();
    });

    test('is named where the model has nothing else', () => {
      expect(() => addMultipliers(modelOf(attention()))).toThrow(advice);
    });
  });

  test('a model without known kernels is refused, with how to name them', () => {
    const source = modelOf(new Gated({ units: 2, inputShape: [3], name: 'g' }));
    expect(() => addMultipliers(source)).toThrow(/no layer whose kernels are known.*placement/);
  });

  test.each<[string, unknown, RegExp]>([
    ['unknown options', { placment: 'full' }, /"placment". Did you mean "placement"/],
    ['another placement', { placement: 'minimal' }, /"placement" must be 'full' or a function/],
    ['no answer', { placement: () => undefined }, /must return options or null.*"hidden"/],
    ['another name', { placement: () => ({ name: 'x' }) }, /cannot rename layer "hidden"/],
    ['wrong options', { placement: () => ({ rows: true }) }, /"rows". Did you mean "row"/],
    [
      'a layer without a kernel',
      { placement: ({ name }: layers.Layer) => (name === 'norm' ? {} : null) },
      /"norm" \(BatchNormalization\) has no kernel/,
    ],
  ])('%s: refused before anything is made', (_, options, message) => {
    const source = mlp(plain);
    const tensors = tf.memory().numTensors;
    expect(() => addMultipliers(source, options as never)).toThrow(message);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

function mlpWithInput(): LayersModel {
  return sequential({
    name: 'nested',
    layers: [
      layers.dense({ units: 3, inputShape: [4], name: 'inner' }),
      layers.dense({ units: 2, name: 'innermost' }),
      layers.activation({ activation: 'softmax' }),
    ],
  });
}
