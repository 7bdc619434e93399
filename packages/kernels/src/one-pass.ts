/**
 * Kernels for wasm beside those of tfjs: formulas of training that tfjs computes by one operation for each sign, in one pass
 * over memory. The packages that need them look for them by name (`runOnePass` in `@tfjs-lrm/core/kit`), and compute the
 * formula by operations of tfjs on other backends and where a kernel gives no output: where our wasm module cannot be.
 */
import { type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { exponentialKernels } from './exponential-passes.ts';
import { rowsOf } from './last-axis.ts';
import { onePass } from './one-pass-call.ts';

/** w [n, m] scaled by u [n] along rows and v [m] along columns; either may be left out. */
const scale = onePass(({ passes, input, address, output }) => {
  const { shape } = input('w');
  const [out, to] = output([...shape]);
  const [rows, width] = shape as [number, number];
  passes.scale(address('w'), address('u'), address('v'), to, rows, width);
  return [out];
});

/** The gradients of `scale` for w, and for u and v where they are. */
const scaleGradient = onePass(({ passes, input, address, output, sums }) => {
  const { shape } = input('w');
  const [rows, width] = shape as [number, number];
  const hasFactor = { u: address('u') !== 0, v: address('v') !== 0 };
  const [dw, toW] = output([...shape]);
  const du = hasFactor.u ? output([rows]) : null;
  const dv = hasFactor.v ? output([width]) : null;
  passes.scaleGradient(
    ...[address('dy'), address('w'), address('u'), address('v')],
    ...[toW, du?.[1] ?? 0, dv?.[1] ?? 0, dv === null ? 0 : sums(width), rows, width],
  );
  return [dw, ...(du === null ? [] : [du[0]]), ...(dv === null ? [] : [dv[0]])];
});

/**
 * New values and moments m and v of Adam, for lists of variables: all values, then all m, then all v. `step` and `epsilon` are
 * scalars.
 */
const adam = onePass(({ passes, list, address, output, attrs }) => {
  const { beta1, beta2 } = attrs as { beta1: number; beta2: number };
  const updated = list('value').map(({ shape }, i) => {
    const outputs = [output([...shape]), output([...shape]), output([...shape])];
    passes.adam(
      ...['value', 'gradient', 'm', 'v'].map((name) => address(name, i)),
      ...['step', 'epsilon'].map((name) => address(name)),
      ...outputs.map(([, to]) => to),
      ...[util.sizeFromShape(shape), beta1, beta2, 1 - beta1, 1 - beta2],
    );
    return outputs.map(([out]) => out);
  });
  return [0, 1, 2].flatMap((part) => updated.map((outputs) => outputs[part] as TensorInfo));
});

/** x [..., width] over the root mean square of each of `groups` parts of a row; with it one scale for each part. */
const rmsNorm = onePass(({ passes, input, address, output, attrs }) => {
  const x = input('x');
  const { groups, epsilon } = attrs as { groups: number; epsilon: number };
  const [rows, width] = rowsOf(x);
  const [out, to] = output([...x.shape]);
  const [scales, toScales] = output([rows, groups, 1]);
  passes.rmsNorm(
    ...[address('x'), address('gain'), to, toScales],
    ...[rows, groups, width / groups, epsilon],
  );
  return [out, scales];
});

/** The gradients of `rmsNorm` for x, and for gain where it is. */
const rmsNormGradient = onePass(({ passes, input, address, output, sums, attrs }) => {
  const x = input('x');
  const { groups } = attrs as { groups: number };
  const [rows, width] = rowsOf(x);
  const [dx, toX] = output([...x.shape]);
  const dgain = address('gain') === 0 ? null : output([width]);
  passes.rmsNormGradient(
    ...['dy', 'x', 'scale', 'gain'].map((name) => address(name)),
    ...[toX, dgain?.[1] ?? 0, dgain === null ? 0 : sums(width)],
    ...[rows, groups, width / groups],
  );
  return [dx, ...(dgain === null ? [] : [dgain[0]])];
});

/** gate · sigmoid(gate) · up, where the sigmoid is given. */
const gatedSilu = onePass(({ passes, input, address, output }) => {
  const { shape } = input('gate');
  const [out, to] = output([...shape]);
  passes.gatedSilu(
    ...['gate', 'sigmoid', 'up'].map((name) => address(name)),
    to,
    util.sizeFromShape(shape),
  );
  return [out];
});

/** The gradients of `gatedSilu` for gate and up. */
const gatedSiluGradient = onePass(({ passes, input, address, output }) => {
  const { shape } = input('gate');
  const [[dgate, toGate], [dup, toUp]] = [output([...shape]), output([...shape])];
  passes.gatedSiluGradient(
    ...['dy', 'gate', 'sigmoid', 'up'].map((name) => address(name)),
    ...[toGate, toUp, util.sizeFromShape(shape)],
  );
  return [dgate, dup];
});

/** x [rows, time, width] · cosine + its partners · sine · sign, with tables [time, width]. */
const rotate = onePass(({ passes, input, address, output, attrs }) => {
  const { shape } = input('x');
  const [rows, time, width] = shape as [number, number, number];
  const { isHalves, sign } = attrs as { isHalves: number; sign: number };
  const [out, to] = output([...shape]);
  passes.rotate(
    ...['x', 'cosine', 'sine'].map((name) => address(name)),
    ...[to, rows * time, time, width, isHalves, sign],
  );
  return [out];
});

/** By their names in tfjs' registry. */
export const onePassKernels: Readonly<Record<string, KernelFunc>> = {
  ...exponentialKernels,
  LrmAdam: adam,
  LrmGatedSilu: gatedSilu,
  LrmGatedSiluGradient: gatedSiluGradient,
  LrmRmsNorm: rmsNorm,
  LrmRmsNormGradient: rmsNormGradient,
  LrmRotate: rotate,
  LrmScale: scale,
  LrmScaleGradient: scaleGradient,
};
