/**
 * In a project with tfjs, multipliers and nsfwjs: gives the MobileNetV2 of nsfwjs multipliers with random values,
 * folds it, and writes the folded model, an image and the predictions into the folder that is given.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { loadModel } from '@tfjs-lrm/loading';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { MobileNetV2Model } from 'nsfwjs/models/mobilenet_v2';

const [folder] = process.argv.slice(2);
await tf.setBackend('cpu');

const { modelTopology, weightsManifest } = (await MobileNetV2Model.modelJson()).default;
const bundles = await Promise.all(MobileNetV2Model.weightBundles.map((bundle) => bundle()));
const bytes = Buffer.concat(bundles.map((bundle) => Buffer.from(bundle.default, 'base64')));
const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
const weightData = new Uint8Array(bytes).buffer;
const model = await loadModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));

const multiplied = addMultipliers(model);
const factors = multiplied.weights.filter(({ name }) => /_multiplier(_\d+)?$/.test(name));
for (const [at, factor] of factors.entries()) {
  factor.write(tf.randomUniform(factor.shape, 0.8, 1.25, 'float32', at + 1));
}
const folded = foldMultipliers(multiplied);

const image = tf.randomUniform([1, 224, 224, 3], 0, 1, 'float32', 7);
const [plain, predicted] = [model, multiplied].map((each) => [...each.predict(image).dataSync()]);
if (Math.max(...plain.map((value, at) => Math.abs(value - predicted[at]))) < 1e-3) {
  throw new Error('the multipliers change nothing, so that folding them shows nothing');
}
await folded.save(
  tf.io.withSaveHandler(async ({ weightData: data, weightSpecs: weights, ...rest }) => {
    const manifest = [{ paths: ['weights.bin'], weights }];
    writeFileSync(
      join(folder, 'model.json'),
      JSON.stringify({ ...rest, weightsManifest: manifest }),
    );
    writeFileSync(join(folder, 'weights.bin'), Buffer.from(data));
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  }),
);
const values = [...image.dataSync()];
writeFileSync(join(folder, 'expected.json'), JSON.stringify({ values, predicted }));
console.log(`${factors.length} multipliers`);
