/** What the layers say of themselves is true: the symmetries found are those that PyTorch measured. */
import { readFileSync } from 'node:fs';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { findSymmetries, minimalPlacement } from '@tfjs-lrm/symmetry';
import { expect, it } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { PAPER_PLACEMENT, placementText } from '../../../test/paper-placement.ts';
import { hybrid } from '../test/hybrid.ts';

/** Made by fixtures/layers/nullity.py: the nullity of the Jacobian in float64. */
const { models } = JSON.parse(
  readFileSync(new URL('../../../fixtures/layers/nullity.json', import.meta.url), 'utf8'),
) as { models: { name: string; weights: number; nullity: number }[] };

onCpu(() => {
  it.each(models)('a hybrid block, $name: $nullity dimensions', ({ name, weights, nullity }) => {
    const plain = hybrid({
      vocabulary: null,
      outputs: 5,
      rotary: 'none',
      innerNorm: name.endsWith('inner norm'),
    });
    const model = name.startsWith('plain')
      ? plain
      : addMultipliers(plain, {
          placement: name.startsWith('full') ? 'full' : minimalPlacement(plain),
        });
    expect(model.countParams()).toBe(weights);
    const symmetries = findSymmetries(model);
    const total = symmetries.reduce((sum, { dimension }) => sum + dimension, 0);
    expect(total, String(symmetries)).toBe(nullity);
    plain.dispose();
    if (model !== plain) model.dispose();
  });

  it.each([false, true])(
    "minimalPlacement is the paper's table of app. C, with an inner norm: %s",
    (innerNorm) => {
      const model = hybrid({ innerNorm });
      const placement = minimalPlacement(model);
      const found = model.layers
        .filter(({ name }) => name in PAPER_PLACEMENT)
        .map((layer) => [layer.name, placementText(placement(layer))]);
      const wanted = { ...PAPER_PLACEMENT, ...(innerNorm ? { out: 'row' } : {}) };
      expect(Object.fromEntries(found)).toEqual(wanted);
      model.dispose();
    },
  );

  it('norms of queries and keys free the scale of each head', () => {
    const dimensions = (queryKeyNorm: boolean): number => {
      const model = hybrid({ queryKeyNorm });
      const found = findSymmetries(model).filter(({ sides }) =>
        sides.some(({ variable }) => /^(query|key)\/kernel/.test(variable)),
      );
      model.dispose();
      return found
        .filter(({ sides }) => !sides.some(({ variable }) => variable.includes('gain')))
        .filter(({ kind }) => kind === 'normalisation')
        .reduce((sum, { dimension, group }) => sum + (group === 'scaling' ? dimension : 0), 0);
    };
    expect(dimensions(false)).toBe(0);
    expect(dimensions(true)).toBe(4 + 2);
  });
});
