// node check.cjs TFJS_NODE_FOLDER ADDON: loads tfjs-node with this addon, and compares a matrix product, a
// gradient, a convolution, an LSTM and the two mended operations with numbers known beforehand.
const util = require('node:util');
const { createRequire } = require('node:module');
const path = require('node:path');
const { realpathSync } = require('node:fs');

const [folder, addon] = process.argv.slice(2);
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const fromTfjsNode = createRequire(path.join(folder, 'package.json'));
// tfjs-node asks this for the path of its addon.
fromTfjsNode('@mapbox/node-pre-gyp/lib/pre-binding.js').find = () => addon;
const tf = fromTfjsNode(folder);

function same(what, tensor, expected) {
  const values = Array.from(tensor.dataSync());
  const isSame =
    values.length === expected.length &&
    values.every(
      (value, i) => Math.abs(value - expected[i]) <= 1e-5 * Math.max(1, Math.abs(value)),
    );
  if (!isSame) throw new Error(`${what}: expected ${expected}, received ${values}`);
}

if (require.cache[realpathSync(addon)] === undefined) throw new Error(`${addon} was not loaded`);
if (tf.getBackend() !== 'tensorflow') throw new Error(`the backend is ${tf.getBackend()}`);
const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
same('matMul', tf.matMul(x, x), [7, 10, 15, 22]);
same('gradient', tf.grad((t) => tf.sum(tf.matMul(t, t)))(x), [7, 11, 9, 13]);
same('conv2d', tf.conv2d(tf.reshape(x, [2, 2, 1]), tf.ones([2, 2, 1, 1]), 1, 'valid'), [10]);
same('round of int32', tf.round(tf.tensor1d([1, -2], 'int32')), [1, -2]);
same('concat of scalars', tf.concat([tf.scalar(1), tf.scalar(2)]), [1, 2]);

// One step of an LSTM whose weights are all 0.5, against the textbook's formulas.
const lstm = tf.layers.lstm({
  units: 1,
  inputShape: [1, 1],
  kernelInitializer: tf.initializers.constant({ value: 0.5 }),
  recurrentInitializer: tf.initializers.constant({ value: 0.5 }),
  recurrentActivation: 'sigmoid',
  unitForgetBias: false,
});
const sigmoid = (v) => 1 / (1 + Math.exp(-v));
same('LSTM', lstm.apply(tf.ones([1, 1, 1])), [
  sigmoid(0.5) * Math.tanh(sigmoid(0.5) * Math.tanh(0.5)),
]);
console.log(tf.backend().binding.TF_Version);
