/** In a project with tfjs alone: loads what `save.js` wrote and compares its predictions. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';

const [folder] = process.argv.slice(2);
await tf.setBackend('cpu');
const fetchFunc = async (path) =>
  new Response(readFileSync(join(folder, path.slice('http://server/'.length))));
const model = await tf.loadLayersModel(tf.io.http('http://server/model.json', { fetchFunc }));
const { values, predicted } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
const found = [...model.predict(tf.tensor(values, [1, 224, 224, 3])).dataSync()];
const apart = Math.max(...predicted.map((value, at) => Math.abs(value - found[at])));
if (!(found.length === 5 && apart < 1e-5)) {
  throw new Error(`expected ${predicted}, found ${found}: ${apart} apart`);
}
console.log(`${model.layers.length} layers, ${found.length} predictions, ${apart} apart`);
