/**
 * A GPT put together as public programs do it, with what makes such models hard: layers whose constructor hands nothing
 * to tfjs, so that a copy has another name; a subclass of `LayersModel` with a constructor and a training loop of
 * its own; kernels that are tiled over the batch; one embedding called for the tokens and again for the logits. Free of
 * test tools, so that a page can run it.
 */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { noise, random } from './numbers.ts';

export interface GptConfig {
  readonly vocabSize: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly heads: number;
  readonly width: number;
  readonly dropout: number;
  readonly seed: number;
}

export const tinyGpt: GptConfig = {
  ...{ vocabSize: 13, blockSize: 6, blocks: 2, heads: 2, width: 8 },
  ...{ dropout: 0, seed: 1 },
};

type Config = tf.serialization.ConfigDict;
type Arguments = Record<string, unknown>;
const one = (inputs: tf.Tensor | tf.Tensor[]): tf.Tensor => [inputs].flat()[0] as tf.Tensor;

/** `x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2`, elementwise. */
export class Gelu extends layers.layers.Layer {
  static className = 'PublicGelu';

  constructor() {
    super({});
  }

  override computeOutputShape(shape: layers.Shape): layers.Shape {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = one(inputs);
      const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
      return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
    });
  }
}

/** The positions 0, 1, … of tokens [batch, time], for each row of the batch. */
export class Positions extends layers.layers.Layer {
  static className = 'PublicPositions';

  constructor() {
    super({});
  }

  override computeOutputShape(shape: layers.Shape): layers.Shape {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [batch, time] = one(inputs).shape as [number, number];
      return tf.tile(tf.expandDims(tf.range(0, time, 1, 'int32'), 0), [batch, 1]);
    });
  }
}

/** Vectors of tokens [batch, time], and logits of vectors [batch, time, width], by the same matrix. */
export class TiedEmbedding extends layers.layers.Layer {
  static className = 'PublicTiedEmbedding';
  readonly #vocabSize: number;
  readonly #width: number;
  #embeddings: layers.LayerVariable | null = null;

  constructor(config: Config) {
    // tfjs loads weights by the name of their layer.
    super({ name: config['name'] as string });
    this.#vocabSize = config['vocabSize'] as number;
    this.#width = config['width'] as number;
  }

  override build(): void {
    const start = layers.initializers.randomNormal({ stddev: 0.2, seed: 7 });
    const shape = [this.#vocabSize, this.#width];
    this.#embeddings = this.addWeight('embeddings', shape, 'float32', start);
    this.built = true;
  }

  override computeOutputShape(shape: layers.Shape): layers.Shape {
    return shape.length === 2 ? [...shape, this.#width] : [...shape.slice(0, -1), this.#vocabSize];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = one(inputs);
      const matrix = (this.#embeddings as layers.LayerVariable).read();
      if (x.rank === 2) return tf.gather(matrix, tf.cast(x, 'int32'));
      const [batch, time, width] = x.shape as [number, number, number];
      const logits = tf.matMul(tf.reshape(x, [batch * time, width]), matrix, false, true);
      return tf.reshape(logits, [batch, time, this.#vocabSize]);
    });
  }

  override getConfig(): Config {
    return { ...super.getConfig(), vocabSize: this.#vocabSize, width: this.#width };
  }
}

/** Causal self-attention on [batch, time, width], with its kernels tiled over the batch. */
export class Attention extends layers.layers.Layer {
  static className = 'PublicAttention';
  readonly #heads: number;
  readonly #dropout: number;
  cAttnKernel: layers.LayerVariable | null = null;
  cAttnBias: layers.LayerVariable | null = null;
  cProjKernel: layers.LayerVariable | null = null;
  cProjBias: layers.LayerVariable | null = null;

  constructor(config: Config) {
    super({ name: config['name'] as string });
    this.#heads = config['heads'] as number;
    this.#dropout = config['dropout'] as number;
  }

  override build(inputShape: layers.Shape | layers.Shape[]): void {
    const width = (inputShape as layers.Shape).at(-1) as number;
    const kernel = (name: string, columns: number): layers.LayerVariable => {
      const start = layers.initializers.glorotNormal({ seed: 3 });
      return this.addWeight(`${name}/kernel`, [width, columns], 'float32', start);
    };
    const bias = (name: string, columns: number): layers.LayerVariable =>
      this.addWeight(`${name}/bias`, [columns], 'float32', layers.initializers.zeros());
    this.cAttnKernel = kernel('c_attn', 3 * width);
    this.cAttnBias = bias('c_attn', 3 * width);
    this.cProjKernel = kernel('c_proj', width);
    this.cProjBias = bias('c_proj', width);
    this.built = true;
  }

  override computeOutputShape(shape: layers.Shape): layers.Shape {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], options: Arguments): tf.Tensor {
    return tf.tidy(() => {
      const x = one(inputs);
      const [batch, time, width] = x.shape as [number, number, number];
      type Weight = layers.LayerVariable | null;
      const linear = (input: tf.Tensor, kernel: Weight, bias: Weight): tf.Tensor => {
        const [matrix, offset] = [kernel?.read() as tf.Tensor, bias?.read() as tf.Tensor];
        const tiled = tf.tile(tf.expandDims(matrix, 0), [batch, 1, 1]);
        return tf.add(tf.matMul(input, tiled), offset);
      };
      const drop = (input: tf.Tensor): tf.Tensor =>
        options['training'] === true && this.#dropout > 0
          ? tf.dropout(input, this.#dropout)
          : input;
      // [batch, time, width] to [batch, heads, time, headDim]
      const apart = (input: tf.Tensor): tf.Tensor => {
        const shape = [batch, time, this.#heads, width / this.#heads];
        return tf.transpose(tf.reshape(input, shape), [0, 2, 1, 3]);
      };
      const [q, k, v] = tf.split(linear(x, this.cAttnKernel, this.cAttnBias), 3, -1).map(apart) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const scores = tf.mul(tf.matMul(q, k, false, true), Math.sqrt(this.#heads / width));
      const mask = tf.linalg.bandPart(tf.ones([time, time]), -1, 0);
      const hidden = tf.mul(tf.sub(1, mask), -1e9);
      const weights = drop(tf.softmax(tf.add(scores, hidden), -1));
      const mixed = tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]);
      const joined = tf.reshape(mixed, [batch, time, width]);
      return drop(linear(joined, this.cProjKernel, this.cProjBias));
    });
  }

  override getConfig(): Config {
    return { ...super.getConfig(), heads: this.#heads, dropout: this.#dropout };
  }
}

for (const type of [Gelu, Positions, TiedEmbedding, Attention])
  tf.serialization.registerClass(type);

/** The network as a plain model: tokens [batch, time] to logits [batch, time, vocabSize]. */
export function publicGptNetwork(config: GptConfig = tinyGpt): layers.LayersModel {
  const { vocabSize, blockSize, blocks, heads, width, dropout } = config;
  const make = layers.layers;
  const start = (seed: number) => layers.initializers.randomNormal({ stddev: 0.2, seed });
  const then = (layer: layers.layers.Layer, input: layers.SymbolicTensor): layers.SymbolicTensor =>
    layer.apply(input) as layers.SymbolicTensor;
  const sum = (...terms: layers.SymbolicTensor[]): layers.SymbolicTensor =>
    make.add().apply(terms) as layers.SymbolicTensor;

  const tokens = layers.input({ shape: [null as unknown as number], dtype: 'int32' });
  const tied = new TiedEmbedding({ vocabSize, width });
  const places = make.embedding({
    ...{ name: 'wpe', inputDim: blockSize, outputDim: width },
    embeddingsInitializer: start(2),
  });
  let x = sum(then(tied, tokens), then(places, then(new Positions(), tokens)));
  x = then(make.dropout({ name: 'drop', rate: dropout }), x);
  for (let block = 0; block < blocks; block++) {
    const named = (name: string): string => `h${block}/${name}`;
    const norm = (name: string) => make.layerNormalization({ name: named(name), epsilon: 1e-5 });
    const dense = (name: string, units: number) =>
      make.dense({ name: named(name), units, kernelInitializer: start(10 + block) });
    const attention = new Attention({ name: named('attn'), heads, dropout });
    x = sum(x, then(attention, then(norm('ln_1'), x)));
    const inner = then(new Gelu(), then(dense('mlp/c_fc', 4 * width), then(norm('ln_2'), x)));
    x = sum(x, then(dense('mlp/c_proj', width), inner));
  }
  x = then(make.layerNormalization({ name: 'ln_f', epsilon: 1e-5 }), x);
  return layers.model({ inputs: tokens, outputs: then(tied, x), name: 'public-gpt' });
}

/** A dataset as `fitDataset` reads it. */
interface Batches {
  iterator(): Promise<{ next(): Promise<{ value: unknown; done?: boolean | undefined }> }>;
}

/** A batch: tokens [batch, time], and the tokens that follow them. */
export interface GptBatch {
  readonly xs: tf.Tensor;
  readonly ys: tf.Tensor;
}

/** The network with the constructor, the clipping and the training loop of a public program. */
export class PublicGpt extends layers.LayersModel {
  static override className = 'PublicGpt';
  readonly config: GptConfig;

  constructor(config: Partial<GptConfig> = {}, network?: layers.LayersModel) {
    const whole = { ...tinyGpt, ...config };
    const { inputs, outputs, name } = network ?? publicGptNetwork(whole);
    super({ inputs, outputs, name });
    this.config = whole;
  }

  override compile(): void {
    this.optimizer = tf.train.adam(0.01);
  }

  setOptimizer(optimizer: tf.Optimizer): void {
    this.optimizer = optimizer;
  }

  /** One step as their loop takes it; returns the loss. */
  step({ xs, ys }: GptBatch): tf.Scalar {
    return tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => this.lossOf({ xs, ys }));
      const norms = Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)));
      const scale = tf.minimum(1, tf.div(1, tf.add(tf.sqrt(tf.addN(norms)), 1e-6)));
      const clipped = Object.entries(grads).map(([name, gradient]) => ({
        name,
        tensor: tf.mul(gradient, scale),
      }));
      this.optimizer.applyGradients(clipped);
      return value;
    });
  }

  /** The mean cross-entropy of the next token. */
  lossOf({ xs, ys }: GptBatch): tf.Scalar {
    return tf.tidy(() => {
      const logits = this.apply(xs, { training: true }) as tf.Tensor;
      const targets = tf.oneHot(tf.cast(ys, 'int32'), this.config.vocabSize);
      return tf.losses.softmaxCrossEntropy(targets, logits) as tf.Scalar;
    });
  }

  override async fitDataset(dataset: never, args: { epochs: number }): Promise<layers.History> {
    const losses: number[] = [];
    for (let epoch = 0; epoch < args.epochs; epoch++) {
      const iterator = await (dataset as Batches).iterator();
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        const batch = next.value as GptBatch;
        const loss = this.step(batch);
        losses.push((await loss.data())[0] as number);
        tf.dispose([loss, batch.xs, batch.ys]);
      }
    }
    const history = new layers.History();
    history.history = { loss: losses };
    return history;
  }

  /** The prompt and `count` more tokens, each the likeliest; `predict` sees one token more each time. */
  async generate(prompt: readonly number[], count: number): Promise<number[]> {
    const tokens = [...prompt];
    for (let i = 0; i < count; i++) {
      const seen = tokens.slice(-this.config.blockSize);
      const next = tf.tidy(() => {
        const logits = this.predict(tf.tensor2d([seen], undefined, 'int32')) as tf.Tensor;
        return tf.argMax(tf.gather(tf.squeeze(logits, [0]), seen.length - 1));
      });
      tokens.push((await next.data())[0] as number);
      next.dispose();
    }
    return tokens;
  }
}

/** A batch of sequences that count upwards from a token drawn by the seed. */
export function gptBatch(seed: number, size = 4, { vocabSize, blockSize } = tinyGpt): GptBatch {
  const next = random(seed);
  const firsts = noise(next, size).map((x) => Math.floor(((x + 1) / 2) * vocabSize));
  const from = (shift: number): tf.Tensor =>
    tf.tensor2d(
      firsts.map((first) =>
        Array.from({ length: blockSize }, (_, i) => (first + i + shift) % vocabSize),
      ),
      undefined,
      'int32',
    );
  return { xs: from(0), ys: from(1) };
}
