/** Nothing is missed: the dimensions found add up to the nullity of the Jacobian that PyTorch measured. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { buildModel, MODEL_NAMES } from '../test/models.ts';
import { findSymmetries } from './index.ts';

const { models } = JSON.parse(
  readFileSync(new URL('../../../fixtures/symmetry/nullity.json', import.meta.url), 'utf8'),
) as { models: { name: string; weights: number; nullity: number }[] };

onCpu(() => {
  it('has the models of the fixture', () => {
    expect(models.map(({ name }) => name)).toEqual(MODEL_NAMES);
  });

  it.each(models)('the dimensions of "$name" add up to $nullity', ({ name, weights, nullity }) => {
    const model = buildModel(name);
    const trained = model.trainableWeights.map(({ shape }) =>
      (shape as number[]).reduce((size, n) => size * n, 1),
    );
    expect(trained.reduce((sum, size) => sum + size, 0)).toBe(weights);
    const symmetries = findSymmetries(model);
    const total = symmetries.reduce((sum, { dimension }) => sum + dimension, 0);
    expect(total, String(symmetries)).toBe(nullity);
    model.dispose();
  });
});
