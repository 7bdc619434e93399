import {
  add,
  batchNorm,
  cast,
  div,
  Elu,
  EluGrad,
  type EluGradInputs,
  elu,
  engine,
  FusedBatchNorm,
  type FusedBatchNormAttrs,
  type GradConfig,
  grad,
  LRN,
  type LRNAttrs,
  LRNGrad,
  less,
  localResponseNormalization,
  matMul,
  mul,
  neg,
  pow,
  reshape,
  rsqrt,
  square,
  sub,
  type Tensor,
  type Tensor4D,
  tensor2d,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { sumTo } from './broadcast.ts';
import type { Example, Gradient } from './gradient.ts';
import { connectSaved } from './saved-outputs.ts';

/** Names of inputs, some of which may be absent: absent ones are left out, because tfjs fails on saving them. */
class PresentInputs extends Array<string> {
  override map<T>(input: (name: string, i: number, all: string[]) => T): T[] {
    return Array.from(this, (name, i) => input(name, i, this)).filter((x) => x !== undefined);
  }
}

/** The gradient of `tf.batchNorm`, with or without scale and offset, for statistics of any shape that broadcasts. */
const batchNormGradient: GradConfig = {
  kernelName: FusedBatchNorm,
  inputsToSave: PresentInputs.from(['x', 'mean', 'variance', 'scale']) as string[],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor;
    const [x, mean, variance, scale] = saved as [Tensor, Tensor, Tensor, Tensor | undefined];
    const { varianceEpsilon } = attributes<FusedBatchNormAttrs>(attrs);
    const inverse = rsqrt(add(variance, varianceEpsilon));
    const dx = mul(dy, scale === undefined ? inverse : mul(inverse, scale));
    const centered = (): Tensor => sub(x, mean);
    return {
      x: () => sumTo(dx, x.shape),
      mean: () => neg(sumTo(dx, mean.shape)),
      variance: () => {
        const sums = sumTo(mul(dx, centered()), variance.shape);
        return mul(sums, mul(square(inverse), -0.5));
      },
      scale: () => mul(sumTo(mul(dy, centered()), mean.shape), inverse),
      offset: () => sumTo(dy, mean.shape),
    };
  },
};

/**
 * The gradient of local response normalization, y = x · n^−β with n = bias + α Σ x² over neighbouring channels, as
 * operations that have gradients: the sums over neighbours are a product with a band of ones.
 */
function lrnByBand(x: Tensor4D, dy: Tensor4D, attrs: LRNAttrs): Tensor {
  const { depthRadius, bias, alpha, beta } = attrs;
  const channels = x.shape[3];
  const band = tensor2d(
    Array.from({ length: channels }, (_, i) =>
      Array.from({ length: channels }, (_, j) => (Math.abs(i - j) <= depthRadius ? 1 : 0)),
    ),
  );
  const neighbours = (t: Tensor): Tensor =>
    reshape(matMul(reshape(t, [-1, channels]), band), x.shape);
  const n = add(mul(neighbours(square(x)), alpha), bias);
  const direct = mul(dy, pow(n, -beta));
  const through = neighbours(div(mul(direct, x), n));
  return sub(direct, mul(mul(x, through), 2 * alpha * beta));
}

/**
 * By the kernel, whose time does not grow with the square of the channels; by the band where an outer gradient is being
 * recorded, since the kernel has no gradient.
 */
const lrnGradient: GradConfig = {
  kernelName: LRN,
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (gradient, saved, config) => {
    const dy = gradient as Tensor4D;
    const [x, y] = saved as [Tensor4D, Tensor4D];
    const attrs = attributes<LRNAttrs>(config);
    return {
      x: () =>
        engine().state.gradientDepth > 0
          ? lrnByBand(x, dy, attrs)
          : engine().runKernel<Tensor>(LRNGrad, { x, y, dy }, { ...attrs }),
    };
  },
};

const run = (inputs: { dy: Tensor; y: Tensor }): Tensor =>
  engine().runKernel(EluGrad, inputs satisfies Partial<EluGradInputs>) as Tensor;

const eluGradient: GradConfig = {
  kernelName: Elu,
  outputsToSave: [true],
  gradFunc: (dy, saved) => {
    connectSaved(saved);
    const [y] = saved as [Tensor];
    return { x: () => run({ dy: dy as Tensor, y }) };
  },
};

/** EluGrad is dy where y ≥ 0, and dy · (y + 1) elsewhere. */
const eluGradGradient: GradConfig = {
  kernelName: EluGrad,
  inputsToSave: ['dy', 'y'],
  gradFunc: (gradient, saved) => {
    const ddx = gradient as Tensor;
    const [dy, y] = saved as [Tensor, Tensor];
    return {
      dy: () => run({ dy: ddx, y }),
      y: () => mul(mul(ddx, dy), cast(less(y, 0), 'float32')),
    };
  },
};

const E = Math.exp(-1);
const secondOfElu: Example = {
  of: (x) => grad((t) => elu(t))(x),
  at: [-1, 1],
  expected: [E, 0],
};

export const normalizationGradients: readonly Gradient[] = [
  {
    gradient: batchNormGradient,
    example: {
      // Statistics that broadcast; without a scale, tfjs fails in a way that leaks tensors.
      of: (x) =>
        batchNorm(
          [
            [1, 2],
            [3, 4],
          ],
          reshape(x, [1, 2]),
          [[1, 1]],
          [[0, 0]],
          [[1, 1]],
          0,
        ),
      at: [1, 2],
      expected: [-2, -2],
    },
  },
  {
    gradient: lrnGradient,
    example: {
      of: (x) => {
        const gradient = grad((t) =>
          localResponseNormalization(reshape(t, [1, 1, 1, 1]) as Tensor4D, 0, 1, 1, 1),
        );
        return gradient(reshape(x, [1]));
      },
      at: [1],
      expected: [-0.5],
    },
  },
  { gradient: eluGradient, example: secondOfElu },
  { gradient: eluGradGradient, example: secondOfElu },
];
