/** Models that the demo saved before its layers became `@tfjs-lrm/layers` load as models of those. */
import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { causalSelfAttention, gatedProduct, rmsNorm } from '@tfjs-lrm/layers';

const FORMER: Readonly<Record<string, (config: never) => layers.Layer>> = {
  DemoRmsNorm: rmsNorm,
  DemoCausalAttention: causalSelfAttention,
  DemoGatedProduct: gatedProduct,
};

for (const [className, make] of Object.entries(FORMER)) {
  const former = {
    className,
    // tfjs adds keys of its own to what a file says.
    fromConfig: (_: unknown, { customObjects: __, ...config }: Record<string, unknown>) =>
      make(config as never),
  };
  tf.serialization.registerClass(former as never);
}
