/** Kernels of wasm-exponentials.h and of the heads around them, in the form of `one-pass.ts`. */
import { type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { rowsOf } from './last-axis.ts';
import { type Call, onePass } from './one-pass-call.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { passesOf } from './wasm-passes.ts';

/**
 * `query`, `key` and `value` as far as they are there: heads side by side, [batch, time, heads · width], become matrices,
 * [batch · heads, time, width], or the other way round. Queries and keys are turned by tables [time, width], or multiplied by `factor`.
 */
const turnHeads = (isMerge: boolean): KernelFunc =>
  onePass(({ passes, input, address, output, attrs }) => {
    const { heads, keyHeads, isHalves, sign, factor } = attrs as Record<
      'heads' | 'keyHeads' | 'isHalves' | 'sign' | 'factor',
      number
    >;
    return (['query', 'key', 'value'] as const).flatMap((name) => {
      if (address(name) === 0) return [];
      const [first, time, last] = input(name).shape as [number, number, number];
      const count = name === 'query' ? heads : keyHeads;
      const [batch, width] = isMerge ? [first / count, last] : [first, last / count];
      const shape = isMerge ? [batch, time, count * width] : [batch * count, time, width];
      const [out, to] = output(shape);
      const isValue = name === 'value';
      const tables = isValue ? [0, 0] : [address('cosine'), address('sine')];
      passes.turnHeads(
        ...[address(name), ...tables, to, batch, time, count, width],
        ...[Number(isMerge), isHalves, sign, isValue ? 1 : factor],
      );
      return [out];
    });
  });

/** A softmax of x [..., rows, width]; with a `time`, each step sees those before it, and of them the last `window`. */
const softmax = onePass(({ passes, input, address, output, attrs }) => {
  const { time, window } = attrs as { time: number; window: number };
  const x = input('x');
  const [out, to] = output([...x.shape]);
  passes.softmax(address('x'), to, ...rowsOf(x), time, window);
  return [out];
});

const softmaxGradient = onePass(({ passes, input, address, output }) => {
  const y = input('y');
  const [out, to] = output([...y.shape]);
  passes.softmaxGradient(address('dy'), address('y'), to, ...rowsOf(y));
  return [out];
});

const settingsOf = ({ attrs }: Call): number[] => {
  const { hasIgnored, ignore, smoothing, zLoss } = attrs as Record<
    'hasIgnored' | 'ignore' | 'smoothing' | 'zLoss',
    number
  >;
  return [hasIgnored, ignore, smoothing, zLoss];
};

/** The mean loss of logits [rows, width] for ids [rows] of int32, and log Σ exp(logits) of each row. */
const crossEntropy = onePass((call) => {
  const { passes, input, address, output, sums } = call;
  const [rows, width] = rowsOf(input('logits'));
  const [[loss, toLoss], [logSums, toSums]] = [output([]), output([rows])];
  passes.crossEntropy(
    ...[address('logits'), address('ids'), toLoss, toSums, sums(width)],
    ...[rows, width, ...settingsOf(call)],
  );
  return [loss, logSums];
});

const crossEntropyGradient = onePass((call) => {
  const { passes, input, address, output } = call;
  const logits = input('logits');
  const [out, to] = output([...logits.shape]);
  passes.crossEntropyGradient(
    ...['dy', 'logits', 'ids', 'logSums'].map((name) => address(name)),
    ...[to, ...rowsOf(logits), ...settingsOf(call)],
  );
  return [out];
});

/** By their names in tfjs' registry. */
export const exponentialKernels: Readonly<Record<string, KernelFunc>> = {
  LrmCrossEntropy: crossEntropy,
  LrmCrossEntropyGradient: crossEntropyGradient,
  LrmMergeHeads: turnHeads(true),
  LrmSoftmax: softmax,
  LrmSoftmaxGradient: softmaxGradient,
  LrmSplitHeads: turnHeads(false),
};

/**
 * The `Exp` kernel for wasm: tfjs' own takes one element at a time.
 *
 * @param stock tfjs' kernel, for other types, and where our wasm module cannot be
 */
export const exp =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const backend = call.backend as WasmBackend;
    const x = call.inputs['x'] as TensorInfo;
    const passes = passesOf(backend);
    if (passes === undefined || x.dtype !== 'float32') return stock(call);
    const out = backend.makeOutput(x.shape, 'float32');
    passes.exp(addressOf(backend, x), addressOf(backend, out), util.sizeFromShape(x.shape));
    return out;
  };
