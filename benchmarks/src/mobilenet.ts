import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { MobileNetV2Model } from 'nsfwjs/models/mobilenet_v2';
import type { Side } from './comparisons.ts';

/** What nsfwjs exports; its own declaration of it does not resolve under Node's rules. */
interface ShippedModel {
  readonly modelJson: () => Promise<{ readonly default: tf.io.ModelJSON }>;
  readonly weightBundles: readonly (() => Promise<{ readonly default: string }>)[];
}

interface Topology {
  readonly model_config: {
    readonly config: {
      readonly layers: readonly {
        readonly class_name: string;
        readonly config: Record<string, unknown>;
      }[];
    };
  };
}

/** The topology for images of a size, whose last feature maps are averaged as a whole, as those of 224 × 224 are. */
function sized(modelTopology: unknown, side: number): object {
  const topology = structuredClone(modelTopology) as Topology;
  for (const { class_name: name, config } of topology.model_config.config.layers) {
    if (name === 'InputLayer') config['batch_input_shape'] = [null, side, side, 3];
    if (name === 'AveragePooling2D')
      config['pool_size'] = config['strides'] = [side / REDUCTION, side / REDUCTION];
  }
  return topology;
}

/** How much smaller the last feature maps are than the image. */
const REDUCTION = 32;

/** The pretrained MobileNetV2 that nsfwjs ships, with every layer thawed: side × side pixels to five classes. */
export async function mobilenet(side = 224): Promise<LayersModel> {
  const { modelJson, weightBundles }: ShippedModel = MobileNetV2Model;
  const { modelTopology, weightsManifest } = (await modelJson()).default;
  const bundles = await Promise.all(weightBundles.map((bundle) => bundle()));
  const bytes = Buffer.concat(bundles.map((bundle) => Buffer.from(bundle.default, 'base64')));
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const weightData = new Uint8Array(bytes).buffer;
  const model = await loadLayersModel(
    tf.io.fromMemory({ modelTopology: sized(modelTopology, side), weightSpecs, weightData }),
  );
  for (const layer of model.layers) layer.trainable = true;
  return model;
}

/** As in fine-tuning. Multipliers have a cost per kernel and step, whose share grows with smaller batches. */
const BATCH = 16;
/** More would not fit into the 4 GiB that wasm can address. */
const WASM_BATCH = 8;

/** A step of training or a prediction, of the plain, the multiplied or the folded model. */
export async function mobilenetStep({
  options,
  compile,
  backend,
}: Side): Promise<() => Promise<void>> {
  const plain = await mobilenet();
  const multiplied = options['form'] === 'plain' ? plain : addMultipliers(plain);
  const model = options['form'] === 'folded' ? foldMultipliers(multiplied) : multiplied;
  const batch = backend === 'wasm' ? WASM_BATCH : BATCH;
  const x = tf.randomUniform([batch, 224, 224, 3], 0, 1, 'float32', 1);
  const y = tf.oneHot(tf.range(0, batch, 1, 'int32'), 5);
  model.compile({ optimizer: adam({ learningRate: 1e-4 }), loss: 'categoricalCrossentropy' });
  if (compile !== undefined) {
    const { compileModel } = await import('@tfjs-lrm/native');
    compileModel(model, { xla: compile === 'xla' });
  }
  if (options['trains'] === true) {
    return async () => {
      await model.trainOnBatch(x, y);
    };
  }
  return async () => {
    const output = model.predict(x) as tf.Tensor;
    await output.data();
    output.dispose();
  };
}
