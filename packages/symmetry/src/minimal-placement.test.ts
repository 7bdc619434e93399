import * as tf from '@tensorflow/tfjs-core';
import * as layersApi from '@tensorflow/tfjs-layers';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { buildModel, inputsOf, MODEL_NAMES } from '../test/models.ts';
import { findSymmetries, minimalPlacement } from './index.ts';

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
