/** Layers whose spelling, or whose calls, differ between versions of Keras: attention, padding, recurrent layers. */
import * as tf from '@tensorflow/tfjs';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { describe, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { casesIn, gapOf } from '../../test/keras-cases.ts';
import { loadModel, modelToKeras } from '../index.ts';

const VERSIONS = ['3.0.5', '3.3.3', '3.6.0'];

onCpu(() => {
  describe.each(VERSIONS)('Keras %s', (version) => {
    const files = casesIn(`versions/layers-${version}.zip`).flatMap((saved) =>
      Object.entries(saved.files).map(
        ([ending, bytes]) => [`${saved.name}.${ending}`, saved, bytes] as const,
      ),
    );

    test.each(files)(
      '%s predicts as there, with multipliers, folded and written back too',
      async (_, saved, bytes) => {
        const model = await loadModel(bytes);
        const folded = foldMultipliers(addMultipliers(model));
        const models = [model, folded];
        // A sum passes masks on since Keras 3.6: there, the same model would mean something else.
        if (saved.name === 'transformer' && version !== '3.6.0') {
          await expect(modelToKeras(folded)).rejects.toThrow(
            /must leave padding out, as it will in Keras/,
          );
        } else {
          models.push(await loadModel(await modelToKeras(folded)));
        }
        const gaps = models.map((each) => gapOf(each, saved, saved.outputs));
        tf.disposeVariables();
        expect(Math.max(...gaps), JSON.stringify(gaps)).toBeLessThan(1e-5);
      },
    );
  });
});
