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
    cases: /^(complex$|real$|imag$|spectral\.|signal\.stft)|of complex numbers$/,
    reason:
      "the engine of tfjs takes no gradient that is complex ('must have float32 dtype'), and the wasm backend has no complex numbers. A Fourier transform as a product with cosines and sines has a gradient.",
  },
  {
    cases: ['layers.elu with alpha 0.5'],
    reason:
      "the constructor of the layer throws, where nothing can be put in its place. `tf.where(tf.greater(x, 0), x, tf.mul(alpha, tf.expm1(x)))` is the same in a layer of one's own.",
  },
  {
    cases: ['pool avg, dilated, padding 1', 'pool max, dilated, padding 1'],
    reason:
      '`tf.pool` is composed in JavaScript and drops a number for padding where it is dilated. Pad before, and pool with `valid`.',
  },
  {
    cases: ['conv1d padding 1'],
    reason:
      '`tf.conv1d` is a 2D convolution of height 1, and pads the height too. Pad before, and convolve with `valid`.',
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
