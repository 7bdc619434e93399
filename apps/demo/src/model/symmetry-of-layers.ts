/** What `@tfjs-lrm/symmetry` must know of the model's own layers. */
import { describeLayer } from '@tfjs-lrm/symmetry';
import { CausalAttention } from './causal-attention.ts';
import { GatedProduct } from './gated-product.ts';
import { RmsNorm } from './rms-norm.ts';

describeLayer(RmsNorm.className, () => 'normalising');
// silu(gate) · up
describeLayer(GatedProduct.className, () => ({ product: ['opaque', 'linear'] }));
describeLayer(CausalAttention.className, (layer) => ({
  attention: { heads: layer.getConfig()['heads'] as number, rotary: 'halves' },
}));
