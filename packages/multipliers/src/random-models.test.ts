import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { filesOf, loadFiles } from '../../../test/files.ts';
import { scrambleWeights } from '../test/layers.ts';
import { predict, weightNames } from '../test/models.ts';
import { distance } from '../test/numbers.ts';
import { cook, inputsOf, recipes } from '../test/random-models.ts';
import { addMultipliers, foldMultipliers } from './index.ts';

const isFactor = (name: string): boolean => name.endsWith('_multiplier');
const trained = (model: LayersModel): string[] =>
  model.trainableWeights.map(({ originalName }) => originalName).sort();
// tfjs gives a first layer a dtype when it is built.
const topology = (model: LayersModel): string =>
  JSON.stringify(model.getConfig()).replaceAll(',"dtype":"float32"', '');

onCpu(() => {
  test('any graph takes multipliers without a change, folds back, and its files load', async () => {
    await fc.assert(
      fc.asyncProperty(recipes, async (recipe) => {
        const source = cook(recipe);
        scrambleWeights(source, -1);
        const inputs = inputsOf(source, recipe);
        const expected = predict(source, inputs);

        const added = addMultipliers(source);
        expect(predict(added, inputs)).toEqual(expected);
        expect(weightNames(added).filter((name) => !isFactor(name))).toEqual(weightNames(source));
        expect(trained(added).filter((name) => !isFactor(name))).toEqual(trained(source));
        expect(topology(foldMultipliers(added))).toBe(topology(source));

        scrambleWeights(added);
        const wanted = predict(added, inputs);
        // tfjs may load the calls of a shared layer in another order.
        const stock = await loadFiles(await filesOf(source));
        const loads = topology(stock) === topology(source);
        if (loads) expect(predict(await loadFiles(await filesOf(added)), inputs)).toEqual(wanted);
        const folded = foldMultipliers(added);
        expect(distance(predict(folded, inputs), wanted)).toBeLessThan(1e-5);
        expect(folded.countParams()).toBe(source.countParams());
        expect(trained(folded)).toEqual(trained(source));
        if (loads) {
          const again = await loadFiles(await filesOf(folded));
          expect(predict(again, inputs)).toEqual(predict(folded, inputs));
        }
        expect(predict(source, inputs)).toEqual(expected);
        tf.dispose(inputs);
        // Disposing of a model would leave its shared layers.
        tf.disposeVariables();
      }),
      { numRuns: 60, endOnFailure: true },
    );
  }, 120_000);
});
