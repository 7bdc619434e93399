/** Every symmetry that is reported is real: moving along it changes weights, and no output. */
import { expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { buildModel, inputsOf, MODEL_NAMES } from '../test/models.ts';
import { movesOf } from '../test/move-along.ts';
import { difference, outputsOf } from '../test/outputs.ts';
import { findSymmetries } from './index.ts';

const largestChange = (a: readonly number[], b: readonly number[]): number => difference([b], [a]);

eachBackend(() => {
  it.each(MODEL_NAMES)('moving "%s" along each of its symmetries changes no output', (name) => {
    for (const seed of [1, 2]) {
      const model = buildModel(name, seed);
      const x = inputsOf(model, seed);
      const symmetries = findSymmetries(model);
      const moves = movesOf(model, seed);
      expect(moves.length).toBe(symmetries.length);
      const before = outputsOf(model, x);
      moves.forEach((move, at) => {
        const weights = model.getWeights().map(values);
        move();
        const moved = model.getWeights().map(values);
        const changed = model.weights
          .filter((_, i) => largestChange(weights[i] as number[], moved[i] as number[]) > 1e-3)
          .map(({ originalName }) => originalName);
        const { sides } = symmetries[at] as (typeof symmetries)[number];
        expect(new Set(changed)).toEqual(new Set(sides.map(({ variable }) => variable)));
        expect(difference(before, outputsOf(model, x)), `${symmetries[at]?.reason}`).toBeLessThan(
          5e-5,
        );
      });
      x.dispose();
      model.dispose();
    }
  });
});
