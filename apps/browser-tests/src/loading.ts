/** A model goes into a `.keras` file and back, and so do its weights alone, with HDF5 in WebAssembly under a strict policy. */
import * as tf from '@tensorflow/tfjs';
import { loadModel, loadWeights, modelToKeras } from '@tfjs-lrm/loading';
import { report } from './report.ts';

const build = (): tf.LayersModel =>
  tf.sequential({
    layers: [
      tf.layers.lstm({
        units: 4,
        recurrentActivation: 'sigmoid',
        inputShape: [5, 3],
        name: 'cells',
      }),
      tf.layers.dense({ units: 2, name: 'out' }),
    ],
  });

function outputOf(model: tf.LayersModel): string {
  const x = tf.sin(tf.range(0, 30)).reshape([2, 5, 3]);
  return String((model.predict(x) as tf.Tensor).dataSync());
}

report(async ({ check }) => {
  await tf.setBackend('cpu');
  const model = build();
  const wanted = outputOf(model);
  const bytes = await modelToKeras(model);
  const file = new File([bytes], 'model.keras');
  check('a file that a user chose loads', outputOf(await loadModel(file)) === wanted);
  check('its bytes load', outputOf(await loadModel(bytes)) === wanted);
  const other = build();
  check('another model differs', outputOf(other) !== wanted);
  await loadWeights(other, file);
  check('until it has its weights', outputOf(other) === wanted);
  const error = await loadModel(bytes.subarray(0, 500)).catch((thrown: unknown) => thrown);
  check('a file that is cut off is refused', String(error).includes('loadModel: the .keras file'));
});
