import {
  initializers,
  input,
  type LayersModel,
  layers,
  model as makeModel,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { causalSelfAttention, gatedProduct, mamba2, rmsNorm } from '@tfjs-lrm/layers';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import './former-layers.ts';

/** What lets positions of a block know of each other: attention, a state-space model, or both side by side. */
export type Mixer = 'attention' | 'mamba2' | 'hybrid';

export const MIXERS: readonly Mixer[] = ['attention', 'mamba2', 'hybrid'];

/** Sizes of the model. */
export interface ModelSize {
  readonly width: number;
  readonly blocks: number;
  readonly heads: number;
  readonly mlp: number;
  /** What blocks are made of; attention by default. */
  readonly mixer?: Mixer | undefined;
  /** How many steps attention looks back; all of them by default. */
  readonly context?: number | undefined;
}

/**
 * Sizes of the parts of a block. Whatever it is made of, its matrices have about the 4 · width² parameters of
 * attention; a hybrid has half of each part.
 */
export function mixerSizes({ width, heads, mixer = 'attention' }: ModelSize): {
  attention: { heads: number; width: number } | null;
  stateSpace: { heads: number; inner: number; state: number } | null;
} {
  const share = mixer === 'hybrid' ? 0.5 : 1;
  const attention = { heads: Math.max(1, heads * share), width: width * share };
  const stateHeads = Math.max(1, Math.floor(heads * share));
  const state = Math.max(1, Math.round((width / 4) * share));
  // x, z and out: width · inner each; B and C: width · state each; dt: width · heads.
  const inner = (4 * width * share - 2 * state - stateHeads) / 3;
  const stateSpace = {
    heads: stateHeads,
    inner: stateHeads * Math.max(1, Math.round(inner / stateHeads)),
    state,
  };
  return {
    attention: mixer === 'mamba2' ? null : attention,
    stateSpace: mixer === 'attention' ? null : stateSpace,
  };
}

/**
 * A pre-norm decoder: embedding, blocks on a residual stream, norm, head. A block mixes positions by causal
 * attention, by a Mamba2 state-space model, or by both side by side as in Falcon-H1, and then has a gated MLP. One
 * matrix is one layer, without bias. Kernels start at N(0, 1/√in), the embedding at N(0, 0.02).
 *
 * With `multipliers`, every matrix has row and column factors but the head, which has no row factors: those
 * would learn the frequencies of characters and starve the features (arXiv 2601.04890, sec. 4.4).
 *
 * @returns a model from token ids [batch, time] to logits [batch, time, vocabulary]
 */
export function languageModel(
  size: ModelSize,
  vocabulary: number,
  multipliers: boolean,
  seed: number,
): LayersModel {
  const { width, blocks, mlp, context } = size;
  // Every matrix draws from a seed of its own.
  let drawn = seed * 1000;
  const normal = (stddev: number) => initializers.randomNormal({ mean: 0, stddev, seed: ++drawn });
  const wrap = (layer: layers.Layer, options = {}): layers.Layer =>
    multipliers ? withMultipliers(layer, options) : layer;
  const apply = (layer: layers.Layer, x: SymbolicTensor | SymbolicTensor[]): SymbolicTensor =>
    layer.apply(x) as SymbolicTensor;
  const dense = (name: string, units: number, x: SymbolicTensor, options = {}): SymbolicTensor => {
    const kernelInitializer = normal(1 / Math.sqrt(x.shape.at(-1) as number));
    const layer = layers.dense({ name, units, useBias: false, kernelInitializer });
    return apply(wrap(layer, options), x);
  };
  const norm = (name: string, x: SymbolicTensor): SymbolicTensor => apply(rmsNorm({ name }), x);
  const add = (name: string, ...xs: SymbolicTensor[]): SymbolicTensor =>
    apply(layers.add({ name }), xs);

  const { attention, stateSpace } = mixerSizes(size);
  const attend = (at: string, h: SymbolicTensor): SymbolicTensor[] => {
    if (attention === null) return [];
    const qkv = ['query', 'key', 'value'].map((part) => dense(`${at}_${part}`, attention.width, h));
    const options = { name: `${at}_attention`, heads: attention.heads };
    const layer = causalSelfAttention(
      context === undefined ? options : { ...options, window: context },
    );
    return [dense(`${at}_output`, width, apply(layer, qkv))];
  };
  const remember = (at: string, h: SymbolicTensor): SymbolicTensor[] => {
    if (stateSpace === null) return [];
    const { heads, inner, state } = stateSpace;
    const sizes = { x: inner, B: state, C: state, dt: heads, z: inner };
    const read = Object.entries(sizes).map(([part, units]) => dense(`${at}_${part}`, units, h));
    const layer = mamba2({ name: `${at}_mamba2`, heads, seed: ++drawn });
    return [dense(`${at}_out`, width, apply(layer, read))];
  };

  const tokens = input({ shape: [null], dtype: 'int32', name: 'tokens' });
  let x = apply(
    wrap(
      layers.embedding({
        name: 'embedding',
        inputDim: vocabulary,
        outputDim: width,
        embeddingsInitializer: normal(0.02),
      }),
    ),
    tokens,
  );
  for (let i = 0; i < blocks; i++) {
    const at = `block${i}`;
    const h = norm(`${at}_attention_norm`, x);
    x = add(`${at}_attention_residual`, x, ...attend(at, h), ...remember(at, h));
    const h2 = norm(`${at}_mlp_norm`, x);
    const [gate, up] = ['gate', 'up'].map((part) => dense(`${at}_${part}`, mlp, h2)) as [
      SymbolicTensor,
      SymbolicTensor,
    ];
    const product = apply(gatedProduct({ name: `${at}_product` }), [gate, up]);
    x = add(`${at}_mlp_residual`, x, dense(`${at}_down`, width, product));
  }
  const logits = dense('head', vocabulary, norm('norm', x), { row: false });
  return makeModel({ inputs: tokens, outputs: logits, name: 'languageModel' });
}
