/** A language model of one hybrid block: attention beside a state-space model, then a gated MLP. */
import {
  initializers,
  input,
  type LayersModel,
  layers,
  model,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { causalSelfAttention, gatedProduct, mamba2, rmsNorm } from '../src/index.ts';

export interface HybridOptions {
  /** Tokens, or null where the input is vectors that a Dense layer reads. */
  readonly vocabulary?: number | null;
  readonly outputs?: number;
  readonly width?: number;
  readonly heads?: number;
  readonly keyHeads?: number;
  readonly rotary?: 'halves' | 'neighbours' | 'none';
  readonly window?: number;
  readonly queryKeyNorm?: boolean;
  readonly mlp?: number;
  readonly inner?: number;
  readonly stateHeads?: number;
  readonly state?: number;
  readonly taps?: number;
  readonly chunk?: number;
  readonly innerNorm?: boolean;
  readonly maskZero?: boolean;
}

export function hybrid({
  vocabulary = 11,
  outputs = 11,
  width = 8,
  heads = 4,
  keyHeads = 2,
  rotary = 'halves',
  window,
  queryKeyNorm = false,
  mlp = 5,
  inner = 6,
  stateHeads = 3,
  state = 2,
  taps = 3,
  chunk = 64,
  innerNorm = false,
  maskZero = false,
}: HybridOptions = {}): LayersModel {
  // The same weights each time, so that no test passes or fails by chance.
  let seed = 0;
  const kernelInitializer = () => initializers.glorotUniform({ seed: ++seed });
  const dense = (name: string, units: number, x: SymbolicTensor): SymbolicTensor =>
    layers
      .dense({ name, units, useBias: false, kernelInitializer: kernelInitializer() })
      .apply(x) as SymbolicTensor;
  const norm = (x: SymbolicTensor): SymbolicTensor => rmsNorm().apply(x) as SymbolicTensor;
  const add = (...xs: SymbolicTensor[]): SymbolicTensor => layers.add().apply(xs) as SymbolicTensor;
  const inputs = input({ shape: vocabulary === null ? [null, width] : [null] });
  let x =
    vocabulary === null
      ? dense('embedding', width, inputs)
      : (layers
          .embedding({
            name: 'embedding',
            inputDim: vocabulary,
            outputDim: width,
            maskZero,
            embeddingsInitializer: kernelInitializer(),
          })
          .apply(inputs) as SymbolicTensor);
  const h = norm(x);
  const shared = (width / heads) * keyHeads;
  const qkv = [dense('query', width, h), dense('key', shared, h), dense('value', shared, h)];
  const attention = causalSelfAttention({
    heads,
    keyHeads,
    rotary,
    queryKeyNorm,
    ...(window === undefined ? {} : { window }),
  });
  const attended = dense('output', width, attention.apply(qkv) as SymbolicTensor);
  const read = [
    dense('x', inner, h),
    dense('B', state, h),
    dense('C', state, h),
    dense('dt', stateHeads, h),
    dense('z', inner, h),
  ];
  const mixer = mamba2({ heads: stateHeads, taps, chunk, innerNorm, seed: 1 });
  x = add(x, attended, dense('out', width, mixer.apply(read) as SymbolicTensor));
  const h2 = norm(x);
  const product = gatedProduct().apply([dense('gate', mlp, h2), dense('up', mlp, h2)]);
  x = add(x, dense('down', width, product as SymbolicTensor));
  return model({ inputs, outputs: dense('head', outputs, norm(x)) });
}
