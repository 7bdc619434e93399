import type { layers } from '@tensorflow/tfjs-layers';
import { checkLayer } from './check-layer.ts';
import { type MultiplierLayer, Multipliers } from './multiplier-layer.ts';
import type { MultiplierOptions } from './options.ts';

/**
 * A layer whose kernel W is used as
 *
 *   W_eff[j, i] = s · c[j] · W[j, i] · r[i]
 *
 * with a learnable factor r per output feature, c per input feature and, optionally, s for the whole kernel. All start
 * at 1, so wrapping changes no output. The weights of the layer keep their names, and the factors are named
 * `<layer>/<weight>/row_multiplier`, `column_multiplier` and `scalar_multiplier`. The kernel's regularizer and
 * constraint still act on W.
 *
 * The dense, embedding, convolutional and recurrent layers of tfjs are known, and TimeDistributed and Bidirectional
 * around them; for a layer of your own, name the properties that hold its kernels. A recurrent layer has two kernels,
 * each with factors for the features of all gates. A depthwise kernel has a row factor for each of its outputs,
 * [inputs, multiplier], and no column factor. While no gradient is recorded, the effective kernel is kept until W or a
 * factor changes: predicting again costs nothing extra, and each kernel holds one more tensor after the first
 * prediction.
 *
 * @param options row true, column true where a kernel has that axis, scalar false; initializer 'ones' for each factor; kernels and name
 * @returns a layer to use instead of the given one
 * @throws TypeError for anything but a layer, for a model, and for a layer that is wrapped already; RangeError
 *   for a layer without known kernels and for unknown or wrong options
 * @see arXiv 2601.04890, sec. 2
 * @example
 * const hidden = withMultipliers(tf.layers.dense({ units: 8, activation: 'relu', inputShape: [4] }));
 * const model = tf.sequential({ layers: [hidden] });
 */
export function withMultipliers(
  layer: layers.Layer,
  options: MultiplierOptions = {},
): MultiplierLayer {
  return new Multipliers(checkLayer(layer), options);
}
