/** Models that tfjs saves and loads, and that cannot be copied by the names and the configuration of the model. */
import * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  initializers,
  input,
  LayersModel,
  layers,
  Sequential,
  type Shape,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { gptBatch, PublicGpt, publicGptNetwork, tinyGpt } from '../../../test/public-gpt.ts';
import {
  Forgetful,
  ForgetfulDense,
  Fork,
  Holder,
  OwnModel,
  OwnSequential,
  SelfNamed,
} from '../test/hard-layers.ts';
import { scrambleWeights } from '../test/layers.ts';
import { predict, weightNames } from '../test/models.ts';
import { distance, numbers } from '../test/numbers.ts';
import { cook, hardRecipes, inputsOf } from '../test/random-models.ts';
import { addMultipliers, foldMultipliers, withMultipliers } from './index.ts';

const isFactor = (name: string): boolean => name.endsWith('_multiplier');
/** The graph with the names of its layers, all but those that name themselves, and the plain classes of models. */
const topology = (model: LayersModel): string =>
  JSON.stringify(model.getConfig())
    .replaceAll(',"dtype":"float32"', '')
    .replaceAll(/self_named_\d+/g, 'self_named')
    .replaceAll('HardOwnModel', 'Model')
    .replaceAll('HardOwnSequential', 'Sequential');
const trainedShapes = (model: LayersModel): string[] =>
  model.trainableWeights
    .filter(({ originalName }) => !isFactor(originalName))
    .map(({ shape }) => String(shape));
const on = (layer: layers.Layer, x: SymbolicTensor | SymbolicTensor[]): SymbolicTensor =>
  layer.apply(x) as SymbolicTensor;
const rows = (): tf.Tensor => tf.tensor2d(numbers(3, 8, -1, 1), [2, 4]);

onCpu(() => {
  afterEach(() => vi.restoreAllMocks());

  test('any graph of such layers and models takes multipliers without a change, and folds', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    let hard = 0;
    fc.assert(
      fc.property(hardRecipes, (recipe) => {
        const source = cook(recipe, true);
        scrambleWeights(source, -1);
        const inputs = inputsOf(source, recipe);
        const expected = predict(source, inputs);
        const added = addMultipliers(source);
        expect(predict(added, inputs)).toEqual(expected);
        expect(trainedShapes(added)).toEqual(trainedShapes(source));
        const back = foldMultipliers(added);
        expect(topology(back)).toBe(topology(source));
        expect(predict(back, inputs)).toEqual(expected);
        // What is one layer stays one, in nested models and beside them.
        expect(new Set(back.weights).size).toBe(new Set(source.weights).size);
        scrambleWeights(added);
        expect(
          distance(predict(foldMultipliers(added), inputs), predict(added, inputs)),
        ).toBeLessThan(1e-5);
        expect(predict(source, inputs)).toEqual(expected);
        if (/Hard/.test(topology(source))) hard += 1;
        tf.dispose(inputs);
        tf.disposeVariables();
      }),
      { numRuns: 80, endOnFailure: true },
    );
    expect(hard).toBeGreaterThan(40);
  }, 120_000);

  test('names are kept, but for a layer that lets its class alone decide', () => {
    const source = sequential({
      layers: [
        layers.dense({ units: 4, inputShape: [4], name: 'first' }),
        new Forgetful(),
        new ForgetfulDense(),
        new SelfNamed(),
        layers.dense({ units: 2, name: 'out' }),
      ],
    });
    const added = addMultipliers(source);
    const names = source.layers.map(({ name }) => name);
    const others = added.layers.map(({ name }) => name);
    expect(others.toSpliced(3, 1)).toEqual(names.toSpliced(3, 1));
    expect(others[3]).toMatch(/^self_named_/);
    expect(weightNames(added)).toContain(`${names[2]}/kernel`);
  });

  test('a first layer that forgets the shape of its input still gets it', () => {
    const first = new ForgetfulDense();
    first.batchInputShape = [null, 4];
    first.dtype = 'float32';
    const source = sequential({ layers: [first, layers.dense({ units: 2 })] });
    const x = rows();
    const added = addMultipliers(source);
    expect(predict(added, [x])).toEqual(predict(source, [x]));
    expect(predict(foldMultipliers(added), [x])).toEqual(predict(source, [x]));
    tf.dispose(x);
  });

  describe('a subclass', () => {
    const parts = () => [
      layers.dense({ units: 4, inputShape: [4], name: 'hidden' }),
      new Forgetful(),
      layers.dense({ units: 2, name: 'out' }),
    ];

    test.each([
      ['of LayersModel', () => new OwnModel(sequential({ layers: parts() })), LayersModel],
      ['of Sequential', () => new OwnSequential(parts(), 'own'), Sequential],
    ])('%s becomes the plain class', (_, make, plainClass) => {
      const source = make();
      const x = rows();
      const added = addMultipliers(source);
      expect(added.constructor).toBe(plainClass);
      expect(added.name).toBe(source.name);
      expect(predict(added, [x])).toEqual(predict(source, [x]));
      const folded = foldMultipliers(added);
      expect(folded.constructor).toBe(plainClass);
      expect(weightNames(folded)).toEqual(weightNames(source));
      tf.dispose(x);
    });

    test('that computes by itself is refused, with the way out, also where it is nested', () => {
      class Doubling extends OwnModel {
        static override className = 'HardDoubling';
        override call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor {
          return tf.mul(super.call(inputs, kwargs as never) as tf.Tensor, 2);
        }
      }
      const own = new Doubling(sequential({ name: 'inner', layers: parts() }));
      const outer = sequential({ layers: [own, layers.dense({ units: 1 })] });
      const tensors = tf.memory().numTensors;
      for (const model of [own, outer]) {
        for (const copy of [addMultipliers, foldMultipliers]) {
          expect(() => copy(model)).toThrow(
            new RegExp(
              `^${copy.name}: layer "inner" \\(HardDoubling\\) has a method call\\(\\) of its own.*tf.model`,
            ),
          );
        }
      }
      expect(tf.memory().numTensors).toBe(tensors);
      const graph = functional({ inputs: own.inputs, outputs: own.outputs });
      expect(addMultipliers(graph).countParams()).toBeGreaterThan(own.countParams());
    });
  });

  test('a model put together with withMultipliers around such layers folds', () => {
    const x = input({ shape: [4] });
    const shared = withMultipliers(new ForgetfulDense(), { kernels: ['kernel'] });
    const [a, b] = new Fork({}).apply(on(shared, x)) as [SymbolicTensor, SymbolicTensor];
    const held = withMultipliers(new Holder({ name: 'holder' }), { kernels: ['inner.kernel'] });
    const sum = on(layers.add(), [on(shared, b), on(held, a)]);
    const source = functional({ inputs: x, outputs: on(layers.dense({ units: 2 }), sum) });
    scrambleWeights(source);
    const inputs = [rows()];
    const folded = foldMultipliers(source);
    expect(folded.weights.some(({ originalName }) => isFactor(originalName))).toBe(false);
    expect(distance(predict(folded, inputs), predict(source, inputs))).toBeLessThan(1e-5);
    const again = addMultipliers(source);
    expect(predict(again, inputs)).toEqual(predict(source, inputs));
    expect(again.countParams()).toBeGreaterThan(source.countParams());
    tf.dispose(inputs);
  });

  test('a layer in a nested model and beside it stays one layer', () => {
    const dense = layers.dense({ units: 4, name: 'tied', inputShape: [4] });
    const nested = sequential({ name: 'nested', layers: [dense, new Forgetful()] });
    const x = input({ shape: [4] });
    const early = on(dense, x);
    const sum = on(layers.add(), [on(dense, on(nested, x)), early]);
    const source = functional({ inputs: x, outputs: sum });
    const added = addMultipliers(source, { placement: () => ({}) });
    const inner = (added.getLayer('nested') as LayersModel).getLayer('tied');
    expect(added.getLayer('tied')).toBe(inner);
    expect(added.getLayer('nested').constructor).toBe(Sequential);
    const inputs = [rows()];
    expect(predict(added, inputs)).toEqual(predict(source, inputs));
    tf.dispose(inputs);
  });

  describe('what cannot be copied says why, and leaves nothing', () => {
    class Sized extends ForgetfulDense {
      static override className: string = 'HardSized';
      readonly units: number;
      // tfjs gives it the configuration, which does not say how many.
      constructor(units?: unknown) {
        super();
        this.units = typeof units === 'number' ? units : 1;
      }
      override build(shape: Shape | Shape[]): void {
        const width = (shape as Shape).at(-1) as number;
        this.kernel = this.addWeight('kernel', [width, this.units], 'float32', initializers.ones());
        this.built = true;
      }
      override computeOutputShape(shape: Shape): Shape {
        return [...shape.slice(0, -1), this.units];
      }
    }
    class Deep extends Sized {
      static override className = 'HardDeep';
      override computeOutputShape(shape: Shape): Shape {
        return shape;
      }
    }
    class Demanding extends Forgetful {
      static override className = 'HardDemanding';
      constructor(args?: { gain: number }) {
        super();
        if (args?.gain === undefined) throw new Error('gain is missing');
      }
    }
    class Silent extends Forgetful {
      static override className = 'HardSilent';
      override getConfig(): never {
        throw new Error('not yet implemented');
      }
    }
    class Wrapping extends Holder {
      static override className = 'HardWrapping';
      override readonly inner: layers.Layer = withMultipliers(layers.dense({ units: 4 }));
    }

    test.each<[string, () => layers.Layer, RegExp]>([
      [
        'a size that is not saved',
        () => new Sized(3),
        /its copy gives outputs of shape \[,1\] where it gives \[,3\]/,
      ],
      [
        'weights of a size that is not saved',
        () => new Deep(3),
        /its copy has weights \[4,1\] where it has weights \[4,3\]/,
      ],
      [
        'a constructor that needs more',
        () => new Demanding({ gain: 2 }),
        /cannot be made from its configuration: gain is missing/,
      ],
      [
        'a configuration that fails',
        () => new Silent(),
        /cannot be made from its configuration: not yet implemented/,
      ],
    ])('%s', (_, make, message) => {
      const x = input({ shape: [4] });
      const layer = make();
      const source = functional({
        inputs: x,
        outputs: on(layer, on(layers.dense({ units: 4 }), x)),
      });
      const tensors = tf.memory().numTensors;
      for (const copy of [addMultipliers, foldMultipliers]) {
        expect(() => copy(source)).toThrow(message);
        expect(() => copy(source)).toThrow(
          new RegExp(
            `^${copy.name}: layer "${layer.name}" \\(${layer.getClassName()}\\) cannot be copied, because .* Let its getConfig`,
          ),
        );
      }
      expect(tf.memory().numTensors).toBe(tensors);
    });

    test('a layer that makes its multipliers by itself cannot be folded', () => {
      const x = input({ shape: [4] });
      const source = functional({ inputs: x, outputs: on(new Wrapping({ name: 'wrapping' }), x) });
      const tensors = tf.memory().numTensors;
      expect(() => foldMultipliers(source)).toThrow(
        /^foldMultipliers: layer "wrapping" \(HardWrapping\) makes layers with multipliers by itself/,
      );
      expect(tf.memory().numTensors).toBe(tensors);
    });
  });

  test('a public GPT takes multipliers, trains, folds and answers as its own class', () => {
    const source = new PublicGpt({}, publicGptNetwork(tinyGpt));
    const { xs, ys } = gptBatch(1);
    const expected = predict(source, [xs]);
    const multiplied = addMultipliers(source, {
      placement: (layer) =>
        layer.getClassName() === 'Dense' || layer.getClassName() === 'Embedding' ? {} : null,
    });
    expect(multiplied.constructor).toBe(LayersModel);
    expect(predict(multiplied, [xs])).toEqual(expected);
    const trained = new PublicGpt({}, multiplied);
    trained.compile();
    const losses = Array.from({ length: 4 }, () => {
      const loss = trained.step({ xs, ys });
      const [value] = loss.dataSync();
      loss.dispose();
      return value as number;
    });
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
    const folded = foldMultipliers(trained);
    expect(weightNames(folded)).toEqual(weightNames(source));
    expect(distance(predict(folded, [xs]), predict(trained, [xs]))).toBeLessThan(1e-5);
    source.setWeights(folded.getWeights());
    expect(predict(source, [xs])).toEqual(predict(folded, [xs]));
    tf.dispose([xs, ys]);
  });
});
