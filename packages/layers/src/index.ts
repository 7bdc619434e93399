export {
  type CausalSelfAttentionOptions,
  causalSelfAttention,
} from './causal-self-attention.ts';
export type { LayerOptions } from './configured-layer.ts';
export { type CrossEntropyOptions, crossEntropy } from './cross-entropy.ts';
export { type Decoder, type DecoderOptions, decoder } from './decoder.ts';
export { type GateActivation, type GatedProductOptions, gatedProduct } from './gated-product.ts';
export { type Mamba2Options, mamba2 } from './mamba2.ts';
export { type RmsNormOptions, rmsNorm } from './rms-norm.ts';
export type { Rotary } from './rotary.ts';
