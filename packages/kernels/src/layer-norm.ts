/** Layer normalization over the last axis: one pass forward and one back, where tfjs needs moments, four tiles and some twenty kernels. */
import {
  add,
  backend,
  customGrad,
  engine,
  type GradSaveFunc,
  getBackend,
  getKernel,
  type KernelFunc,
  mean,
  mul,
  rsqrt,
  square,
  sub,
  sum,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { rowsOf } from './last-axis.ts';
import { onePass } from './one-pass-call.ts';
import type { WasmBackend } from './wasm-backend.ts';
import { passesOf } from './wasm-passes.ts';

const NORM = 'LrmLayerNorm';
const NORM_GRADIENT = 'LrmLayerNormGradient';

const layerNormKernel = onePass(({ passes, input, address, output, attrs }) => {
  const x = input('x');
  const [rows, width] = rowsOf(x);
  const outputs = [output([...x.shape]), output([rows]), output([rows])];
  passes.layerNorm(
    ...['x', 'gain', 'center'].map((name) => address(name)),
    ...[...outputs.map(([, to]) => to), rows, width, attrs['epsilon']!],
  );
  return outputs.map(([out]) => out);
});

const layerNormGradientKernel = onePass(({ passes, input, address, output, sums }) => {
  const x = input('x');
  const [rows, width] = rowsOf(x);
  const outputs = [output([...x.shape]), output([width]), output([width])];
  passes.layerNormGradient(
    ...['dy', 'x', 'mean', 'scale', 'gain'].map((name) => address(name)),
    ...[...outputs.map(([, to]) => to), sums(width), sums(width), rows, width],
  );
  return outputs.map(([out]) => out);
});

/** By their names in tfjs' registry. */
export const layerNormKernels: Readonly<Record<string, KernelFunc>> = {
  [NORM]: layerNormKernel,
  [NORM_GRADIENT]: layerNormGradientKernel,
};

const run = (name: string, inputs: Record<string, Tensor>, attrs: object = {}): Tensor[] =>
  engine().runKernel(name, inputs, attrs as never);

/** The gradients for x, gain and center by operations that have gradients themselves. */
function gradientsByOperations(
  dy: Tensor,
  x: Tensor,
  gain: Tensor | undefined,
  epsilon: number,
): Tensor[] {
  const centered = sub(x, mean(x, -1, true));
  const scale = rsqrt(add(mean(square(centered), -1, true), epsilon));
  const n = mul(centered, scale);
  const slope = gain === undefined ? dy : mul(dy, gain);
  const along = mul(n, mean(mul(slope, n), -1, true));
  const leading = [...x.shape.keys()].slice(0, -1);
  return [
    mul(sub(sub(slope, mean(slope, -1, true)), along), scale),
    sum(mul(dy, n), leading),
    sum(dy, leading),
  ];
}

const canRun = (x: Tensor): boolean =>
  x.dtype === 'float32' &&
  getKernel(NORM, getBackend()) !== undefined &&
  passesOf(backend() as unknown as WasmBackend) !== undefined;

/**
 * (x − mean) / √(variance + epsilon) · gain + center over the last axis.
 *
 * @param x [..., width]
 * @param gain, center [width], or null for none
 * @returns null where the backend has no such pass, or x is not of float32
 */
export function layerNorm(
  x: Tensor,
  gain: Tensor | null,
  center: Tensor | null,
  epsilon: number,
): Tensor | null {
  if (!canRun(x)) return null;
  const named = (tensors: readonly Tensor[]): Record<string, Tensor> =>
    Object.fromEntries(
      [gain === null ? [] : ['gain'], center === null ? [] : ['center']]
        .flat()
        .map((name, i) => [name, tensors[i]!]),
    );
  const apply = customGrad((...args) => {
    const save = args.at(-1) as unknown as GradSaveFunc;
    const [input, ...weights] = args.slice(0, -1) as [Tensor, ...Tensor[]];
    const [value, means, scales] = run(NORM, { x: input, ...named(weights) }, { epsilon });
    save([input, means!, scales!, ...weights]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [from, mean, scale, ...rest] = saved as [Tensor, Tensor, Tensor, ...Tensor[]];
      const { gain: factor } = named(rest);
      const factors = factor === undefined ? {} : { gain: factor };
      const [dx, dgain, dcenter] =
        engine().state.gradientDepth > 0
          ? gradientsByOperations(dy, from, factor, epsilon)
          : run(NORM_GRADIENT, { dy, x: from, mean, scale, ...factors });
      return [dx!, ...(gain === null ? [] : [dgain!]), ...(center === null ? [] : [dcenter!])];
    };
    return { value: value!, gradFunc };
  });
  return apply(x, ...[gain, center].filter((each) => each !== null));
}
