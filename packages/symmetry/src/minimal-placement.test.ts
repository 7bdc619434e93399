import * as tf from '@tensorflow/tfjs-core';
import * as layersApi from '@tensorflow/tfjs-layers';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { buildModel, inputsOf, MODEL_NAMES } from '../test/models.ts';
import { describeLayer, findSymmetries, minimalPlacement } from './index.ts';

const { layers, sequential } = layersApi;

/** The placement of each layer with weights, as `rc`, `r`, `c` or nothing. */
function placed(model: layersApi.LayersModel): Record<string, string> {
  const placement = minimalPlacement(model);
  const text = (layer: layersApi.layers.Layer): string => {
    const options = placement(layer);
    if (options === null) return '';
    return `${options.row === false ? '' : 'r'}${options.column === false ? '' : 'c'}`;
  };
  return Object.fromEntries(
    model.layers
      .filter(({ weights }) => weights.length > 0)
      .map((layer) => [layer.name, text(layer)]),
  );
}

eachBackend(() => {
  it('keeps the later matrix between rows and columns, and gives a head no rows', () => {
    const model = sequential({
      layers: [
        layers.dense({ name: 'first', units: 4, activation: 'relu', inputShape: [3] }),
        layers.dense({ name: 'second', units: 4, activation: 'tanh' }),
        layers.dense({ name: 'third', units: 4 }),
        layers.dense({ name: 'head', units: 2 }),
      ],
    });
    expect(placed(model)).toEqual({ first: 'c', second: 'rc', third: 'c', head: 'c' });
    model.dispose();
  });

  it('on a pre-norm block is the placement of the paper, app. C', () => {
    const model = buildModel('language model');
    const kinds = Object.values(placed(model));
    // In the order of the graph: embedding, norm, query, key, value, output, norm, gate, up, down, norm, head.
    expect(kinds.sort()).toEqual(['', '', '', '', '', '', '', 'r', 'r', 'rc', 'rc', 'rc']);
    model.dispose();
  });

  it('of shared and rotary heads keeps the query', () => {
    const model = buildModel('rotary grouped heads with biases');
    const [query, key, value, , output] = Object.values(placed(model));
    expect([query, key, value]).toEqual(['rc', 'c', 'c']);
    expect(output ?? Object.values(placed(model)).at(-1)).toBe('c');
    model.dispose();
  });

  it.each(MODEL_NAMES.filter((name) => name !== 'multipliers'))(
    'leaves "%s" without two factors that move against each other alone',
    (name) => {
      const model = buildModel(name);
      const multiplied = addMultipliers(model, { placement: minimalPlacement(model) });
      const x = inputsOf(model);
      tf.tidy(() => {
        const [a, b] = [model, multiplied].map((each) => values(each.apply(x) as tf.Tensor));
        expect(a).toEqual(b);
      });
      // Each kernel that a wire's symmetry scales has a factor on that side; of one wire one side has none.
      const factors = new Set(
        multiplied.weights
          .map(({ originalName }) => originalName)
          .filter((each) => each.endsWith('multiplier')),
      );
      for (const { kind, sides } of findSymmetries(model)) {
        if (kind !== 'multiplicative') continue;
        const kernels = sides.filter(({ variable }) => /kernel$|embeddings$/.test(variable));
        const bare = kernels.filter(({ variable, axes }) => {
          const { shape } = model.weights.find(
            (each) => each.originalName === variable,
          ) as layersApi.LayerVariable;
          const which = axes.at(-1) === shape.length - 1 ? 'row' : 'column';
          return !factors.has(`${variable}/${which}_multiplier`);
        });
        expect(bare.length, `${sides.map(({ variable }) => variable)}`).toBeGreaterThan(0);
      }
      tf.dispose([x]);
      model.dispose();
      multiplied.dispose();
    },
  );
});

/** x·W with a kernel [inputs, 3]. */
class Linear extends layers.Layer {
  static readonly className: string = 'TestLinear';
  kernel!: layersApi.LayerVariable;
  readonly stateSize = 3;
  override build(shape: layersApi.Shape | layersApi.Shape[]): void {
    const width = ([shape].flat(2) as number[]).filter((size) => size !== null).at(0) as number;
    this.kernel = this.addWeight('kernel', [width, 3], 'float32', layersApi.initializers.ones());
    super.build(shape);
  }
  override computeOutputShape(shape: layersApi.Shape | layersApi.Shape[]): layersApi.Shape {
    return [...(shape as layersApi.Shape).slice(0, -1), 3];
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = [inputs].flat() as [tf.Tensor2D];
    return tf.matMul(x, this.kernel.read() as tf.Tensor2D);
  }
}

/** The cell of a recurrent layer: tanh(x·W + state), as output and as state. */
class Cell extends Linear {
  static override readonly className: string = 'TestLinearCell';
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x, state] = inputs as [tf.Tensor, tf.Tensor];
    const next = tf.tanh(tf.add(super.call(x), state));
    return [next, next] as unknown as tf.Tensor;
  }
}
tf.serialization.registerClass(Linear);
tf.serialization.registerClass(Cell);
describeLayer('TestLinear', () => 'linear');

onCpu(() => {
  it.each<[string, () => layersApi.layers.Layer, object | null]>([
    [
      'a recurrent layer with a cell of its own stays plain',
      () => layers.rnn({ cell: new Cell({}) as never, returnSequences: true }),
      null,
    ],
    [
      'a described layer inside another one is named by its path',
      () => layers.timeDistributed({ layer: new Linear({}) }),
      { row: false, column: true, kernels: ['layer.kernel'] },
    ],
  ])('%s', (_, make, expected) => {
    const model = sequential({
      layers: [
        layers.dense({ units: 4, inputShape: [2, 3] }),
        make(),
        layers.dense({ units: 2, name: 'out' }),
      ],
    });
    const placement = minimalPlacement(model);
    expect(placement(model.layers[1] as layersApi.layers.Layer)).toEqual(expected);
    const multiplied = addMultipliers(model, { placement });
    tf.tidy(() => {
      const x = tf.randomNormal([2, 2, 3]);
      const [plain, same] = [model, multiplied].map((each) => values(each.apply(x) as tf.Tensor));
      expect(same).toEqual(plain);
    });
    model.dispose();
    multiplied.dispose();
  });
});
