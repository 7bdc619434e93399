/** What `enableTraining()` leaves at fault, and why: all else that is not right fails the check. */
import type { Backend } from './backends.ts';

export interface Statement {
  /** Names of cases, or a pattern of them. */
  readonly cases: readonly string[] | RegExp;
  /** Where it holds; everywhere if left out. */
  readonly backends?: readonly Backend[];
  readonly reason: string;
}

export const STATEMENTS: readonly Statement[] = [
  {
    cases: /^(complex$|real$|imag$|spectral\.|signal\.stft)|complex (numbers|and real|row)/,
    backends: ['wasm'],
    reason:
      'the backend has no complex numbers. A Fourier transform as a product with cosines and sines has a gradient.',
  },
  {
    cases: ['spectral.irfft'],
    reason:
      'composed in JavaScript, it returns a single signal as a batch of one: reshape it. Its gradient is right.',
  },
  {
    cases: ['layers.elu with alpha 0.5'],
    reason:
      "the constructor of the layer throws, where nothing can be put in its place. `tf.where(tf.greater(x, 0), x, tf.mul(alpha, tf.expm1(x)))` is the same in a layer of one's own.",
  },
  {
    cases: ['pool avg, dilated, padding 1', 'pool max, dilated, padding 1'],
    reason:
      '`tf.pool` is composed in JavaScript and drops a number for padding where it is dilated: the kernels that it runs are not told of it, and so can neither mend nor refuse it. Pad before (with -Infinity for maxima; divide averages by those of padded ones), and pool with `valid`.',
  },
  {
    cases: ['conv1d padding 1'],
    reason:
      '`tf.conv1d` is a 2D convolution of height 1, and pads the height too. Pad before, and convolve with `valid`.',
  },
  {
    cases: /^conv2d channels first/,
    backends: ['wasm'],
    reason:
      'the backend takes the channels last alone, and says so. The layers of tfjs-layers transpose by themselves.',
  },
  {
    cases: /^conv2d channels first, (same, strides of 2|dilated)$/,
    backends: ['tensorflow'],
    reason: 'TensorFlow has no such convolutions on a CPU, and says so.',
  },
  {
    cases: /conv3d dilated/,
    backends: ['tensorflow'],
    reason: 'TensorFlow has no dilated 3D convolutions on a CPU, and says so.',
  },
  {
    cases: /^(image\.transform|image\.rotateWithOffset|maxPoolWithArgmax|sparse\.)/,
    backends: ['tensorflow'],
    reason: 'tfjs-node has no such kernel, and says so.',
  },
  {
    cases: /^sparse\./,
    backends: ['webgpu'],
    reason:
      'its forward pass reads how many segments there are from the device at once, which Chromium ends with a lost device where there is no GPU; no test here has one.',
  },
  {
    cases: ['unsortedSegmentSum with places outside'],
    backends: ['tensorflow'],
    reason: 'TensorFlow refuses a place that is none.',
  },
  {
    cases: ['gather of [2, 2, 3] along axis -1, 1 axes of places'],
    backends: ['tensorflow'],
    reason:
      'tfjs-node takes no axis from the end in its forward pass, and throws. Give the axis from the start.',
  },
  {
    cases: ['image.rotateWithOffset', 'image.rotateWithOffset of two images'],
    backends: ['wasm'],
    reason: 'its forward pass cuts the fill value off to a whole number; the gradient is right.',
  },
  {
    cases: ['floorDiv beside x'],
    backends: ['webgl'],
    reason:
      'its forward pass rounds the operands to whole numbers first; the gradient is zero, as it should be.',
  },
  {
    cases: ['depthToSpace channels first'],
    backends: ['cpu', 'tensorflow'],
    reason:
      'the kernels of the backends take the channels last alone, as TensorFlow does on a CPU.',
  },
];

export const isAbout = ({ cases }: Statement, name: string): boolean =>
  cases instanceof RegExp ? cases.test(name) : cases.includes(name);

export function reasonFor(name: string, backend: Backend): string | undefined {
  return STATEMENTS.find(
    (statement) =>
      isAbout(statement, name) &&
      (statement.backends === undefined || statement.backends.includes(backend)),
  )?.reason;
}
