import { adam } from '@tfjs-lrm/adam';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { smallModel, train, weightsOf } from '../../../test/models.ts';
import { values } from '../../../test/tensors.ts';
import { buildModel, MODEL_NAMES } from '../test/models.ts';
import { findSymmetries, rebalance } from './index.ts';

/** Weights, and the optimizer's moments, after three steps, a balancing and one more step. */
async function rebalanced(balance: typeof rebalance): Promise<number[][]> {
  const model = addMultipliers(smallModel());
  const optimizer = adam({ learningRate: 0.05 });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  await train(model, 0, 3);
  balance(model);
  const moments = (await optimizer.getWeights()).map(({ tensor }) => values(tensor));
  await train(model, 3, 4);
  return [...moments, ...weightsOf(model)];
}

onCpu(() => {
  test('a second copy of the package sees the layers that the first was told of, and balances the same', async () => {
    const models = MODEL_NAMES.map((name) => buildModel(name));
    const expected = await rebalanced(rebalance);
    vi.resetModules();
    const copy = await import('./index.ts');
    expect(copy.rebalance).not.toBe(rebalance);
    for (const model of models) {
      expect(String(copy.findSymmetries(model))).toBe(String(findSymmetries(model)));
    }
    expect(await rebalanced(copy.rebalance)).toEqual(expected);
  });
});
