import { addMultipliers } from '@tfjs-lrm/multipliers';
import { findSymmetries, minimalPlacement } from '@tfjs-lrm/symmetry';
import { expect, it } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { PAPER_PLACEMENT, placementText } from '../../../../test/paper-placement.ts';
import { languageModel } from './language-model.ts';

const size = { width: 16, blocks: 2, heads: 2, mlp: 24 };

onCpu(() => {
  it.each([
    ['attention', 7, 6],
    ['mamba2', 9, 7],
    ['hybrid', 13, 10],
  ] as const)(
    "minimalPlacement is the paper's table of app. C: %s",
    (mixer, matrices, factorsOfBlock) => {
      const model = languageModel({ ...size, mixer }, 11, false, 1);
      const placement = minimalPlacement(model);
      const found = model.layers
        .filter(({ weights }) => weights.some(({ shape }) => shape.length > 1))
        .filter((layer) => layer.getClassName() !== 'LrmMamba2')
        .map((layer) => [layer.name, placementText(placement(layer))]);
      const wanted = found.map(([name]) => [
        name,
        PAPER_PLACEMENT[name?.replace(/^block\d_/, '') as string],
      ]);
      expect(found).toEqual(wanted);
      expect(found).toHaveLength(2 + 2 * matrices);
      const multiplied = addMultipliers(model, { placement });
      const factors = multiplied.weights.filter(({ originalName }) =>
        /multiplier$/.test(originalName),
      );
      expect(factors).toHaveLength(2 + 2 * factorsOfBlock);
      model.dispose();
      multiplied.dispose();
    },
  );

  it('has the symmetries of its size', () => {
    const model = languageModel(size, 11, false, 1);
    const { width, blocks, mlp } = size;
    const headWidth = width / size.heads;
    const dimensions = findSymmetries(model).reduce((sum, { dimension }) => sum + dimension, 0);
    // Of each block: two gains, rotary pairs of query and key, value against output, up against down.
    const block = 2 * width + width + width * headWidth + mlp;
    // Of the stream its scale and its rotations, and the gain before the head.
    expect(dimensions).toBe(1 + (width * (width - 1)) / 2 + width + blocks * block);
    model.dispose();
  });
});
