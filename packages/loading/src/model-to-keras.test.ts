/** Models go back to Keras as they came; that Keras reads the files is shown by `npm run check:keras`. */
import * as tf from '@tensorflow/tfjs';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { casesIn, free, gapOf } from '../test/keras-cases.ts';
import { loadModel, modelToKeras } from './index.ts';
import { withHdf5 } from './keras/hdf5.ts';

const { layers: L } = tf;
const cases = casesIn('versions/keras-3.15.1.zip').map((saved) => [saved.name, saved] as const);

const datasetsOf = (archive: Uint8Array): Promise<Map<string, readonly number[]>> =>
  withHdf5(unzipSync(archive)['model.weights.h5'] as Uint8Array, (file) => {
    const paths = [...file.datasets].filter((path) => path.startsWith('layers/')).sort();
    return new Map(paths.map((path) => [path, [...file.read(path).values]]));
  });

onCpu(() => {
  test.each(cases)('holds every weight where Keras had it: %s', async (_, saved) => {
    const archive = saved.files['keras'] as Uint8Array;
    const model = await loadModel(archive);
    const tensors = tf.memory().numTensors;
    expect(await datasetsOf(await modelToKeras(model))).toEqual(await datasetsOf(archive));
    expect(tf.memory().numTensors).toBe(tensors);
    free(model);
  });

  test.each(cases)('loads again after multipliers and folding: %s', async (_, saved) => {
    const folded = foldMultipliers(
      addMultipliers(await loadModel(saved.files['keras'] as Uint8Array)),
    );
    const again = await loadModel(await modelToKeras(folded));
    expect(gapOf(again, saved, saved.outputs)).toBeLessThan(1e-5);
    free(again);
  });

  type Layered = tf.SymbolicTensor | tf.SymbolicTensor[] | tf.Tensor | tf.Tensor[];
  const lstm = (returnSequences = false) =>
    L.lstm({ units: 2, recurrentActivation: 'sigmoid', returnSequences });
  const both = (returnSequences: boolean) =>
    L.bidirectional({ layer: lstm(returnSequences) as tf.RNN, mergeMode: 'concat' });

  /** A model of words, some of which are padding. */
  function padded(then: (words: tf.SymbolicTensor) => Layered): tf.LayersModel {
    const inputs = tf.input({ shape: [4] });
    const words = L.embedding({ inputDim: 5, outputDim: 3, maskZero: true }).apply(inputs);
    return tf.model({
      inputs,
      outputs: then(words as tf.SymbolicTensor) as tf.SymbolicTensor,
    });
  }

  test('takes layers of tfjs that do on padding what Keras does', async () => {
    for (const layer of [lstm(), both(false)]) {
      const model = padded((words) => layer.apply(words));
      const again = await loadModel(await modelToKeras(model));
      const x = tf.tensor2d([[1, 2, 0, 0]]);
      const [a, b] = [model, again].map((each) => (each.predict(x) as tf.Tensor).dataSync());
      expect(a).toEqual(b);
      tf.dispose(x);
      free(model);
      free(again);
    }
  });

  describe('refuses', () => {
    const one = (layer: tf.layers.Layer): tf.LayersModel => tf.sequential({ layers: [layer] });
    test.each([
      [
        'multipliers',
        () => addMultipliers(one(L.dense({ units: 2, inputShape: [3] }))),
        /Try foldMultipliers/,
      ],
      [
        'hardSigmoid',
        () => one(L.dense({ units: 2, inputShape: [3], activation: 'hardSigmoid' })),
        /another formula/,
      ],
      [
        'ThresholdedReLU',
        () => one(L.thresholdedReLU({ inputShape: [3] })),
        /same meaning. Received "ThresholdedReLU"/,
      ],
      [
        'pooling that takes padding in',
        () => padded((words) => L.globalAveragePooling1d({}).apply(words)),
        /"global_average_pooling1d_\w+" \(GlobalAveragePooling1D\) must leave padding out.*"take padding in"/,
      ],
      [
        'both directions of padding',
        () => padded((words) => both(true).apply(words)),
        /must output zeros for padding, as it will in Keras. Received "repeat its last output/,
      ],
      [
        'a branch without padding',
        () => padded((words) => lstm().apply(L.repeatVector({ n: 2 }).apply(lstm().apply(words)))),
        /\(LSTM\) must see no padding, as it will in Keras/,
      ],
      ['no model', () => 'model.json', /must be a tf.LayersModel/],
    ])('%s', async (_, make, message) => {
      const model = make() as tf.LayersModel;
      const tensors = tf.memory().numTensors;
      await expect(modelToKeras(model)).rejects.toThrow(message);
      expect(tf.memory().numTensors).toBe(tensors);
    });
  });
});
