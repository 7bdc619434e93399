import * as tf from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, type layers } from '@tensorflow/tfjs-layers';
import { booleanRule, describeLayer, numberRule } from '@tfjs-lrm/core/kit';
import { causalConvolution } from './causal-convolution.ts';
import {
  ConfiguredLayer,
  type Kwargs,
  type LayerOptions,
  maskOf,
  type Options,
  type Shape,
  savedOptions,
  widthOf,
} from './configured-layer.ts';
import { gated } from './gated-product.ts';
import { nextStates } from './next-states.ts';
import { rmsNormalize } from './rms-norm.ts';
import { type Sequence, stateSpace } from './state-space.ts';
import type { SteppingLayer, StepState } from './stepping.ts';

/** Decay rates A start between these, in 1 / unit of time. */
const RATES = [1, 16] as const;
/** Step sizes start between these, in units of time, evenly on a logarithmic scale. */
const STEP_SIZES = [1e-3, 0.1] as const;

interface Settings {
  /** How many heads x has, each with a decay rate, a step size and states of its own. */
  readonly heads: number;
  /** How many B and C there are, each shared by heads / groups neighbours. */
  readonly groups: number;
  /** How many steps the convolution sees, its own included. */
  readonly taps: number;
  /** The most steps in a chunk when sequences are cut for training: time and memory grow with it. */
  readonly chunk: number;
  /** Whether an RMS norm with gain follows the gate, over each group. */
  readonly innerNorm: boolean;
  /** Added to the mean square of the inner norm. */
  readonly epsilon: number;
  /** Of the random decay rates, step sizes and convolution, a whole number; by default they differ each time. */
  readonly seed?: number;
}

export interface Mamba2Options
  extends LayerOptions,
    Partial<Omit<Settings, 'heads'>>,
    Pick<Settings, 'heads'> {}

const ABOUT: Options<Settings> = {
  where: 'mamba2',
  rules: {
    heads: numberRule({ min: 1, integer: true, try: '4' }),
    groups: numberRule({ min: 1, integer: true, try: '1' }),
    taps: numberRule({ min: 1, integer: true, try: '4' }),
    chunk: numberRule({ min: 1, integer: true, try: '64' }),
    innerNorm: booleanRule(false),
    epsilon: numberRule({ min: 0, try: '1e-6' }),
    seed: numberRule({ integer: true, try: '1' }),
  },
  defaults: { groups: 1, taps: 4, chunk: 64, innerNorm: false, epsilon: 1e-6 } as Settings,
  required: ['heads'],
  inputs: ['x', 'B', 'C', 'dt', 'z'],
  optionalInputs: 1,
};

type Weight = 'kernel' | 'bias' | 'stepSize' | 'rate' | 'skip' | 'gain';

class Mamba2 extends ConfiguredLayer<Settings> implements SteppingLayer {
  static readonly className: string = 'LrmMamba2';
  readonly #weights = new Map<Weight, LayerVariable>();

  constructor(options: Mamba2Options) {
    super(ABOUT, options);
    const { heads, groups } = this.settings;
    if (heads % groups !== 0) {
      throw new RangeError(
        `mamba2: "heads" must be a multiple of "groups". Received ${heads} and ${groups}. Try { heads: ${groups * Math.max(1, Math.round(heads / groups))}, groups: ${groups} }.`,
      );
    }
  }

  override build(inputShape: Shape | Shape[]): void {
    const shapes = this.shapes(inputShape);
    const names = ['x', 'B', 'C', 'dt', 'z'];
    const [x, b, c, dt, z] = shapes.map((shape, at) =>
      widthOf(this.where, names[at] as string, shape),
    ) as [number, number, number, number, number?];
    const { heads, groups, taps, innerNorm } = this.settings;
    if (x % heads !== 0 || b % groups !== 0 || c !== b || dt !== heads || (z ?? x) !== x) {
      throw new RangeError(
        `${this.where} must read x and z of heads · w channels, B and C of groups · n, and dt of heads. Received ${[x, z].filter((n) => n !== undefined).join(' and ')}, ${b} and ${c}, and ${dt} channels for ${heads} heads and ${groups} groups. Try units: ${heads * Math.ceil(x / heads)}, ${groups * Math.ceil(b / groups)} and ${heads}.`,
      );
    }
    const bound = taps ** -0.5;
    const uniform = (at: number, minval: number, maxval: number) =>
      initializers.randomUniform({ minval, maxval, ...this.#seeded(at) });
    const add = (key: Weight, name: string, shape: number[], initializer: Initializer): void => {
      this.#weights.set(key, this.addWeight(name, shape, 'float32', initializer));
    };
    const channels = x + b + c;
    // Named like the kernel of a depthwise convolution, which it is: by that name it counts as a vector.
    add('kernel', 'depthwise_kernel', [taps, channels], uniform(0, -bound, bound));
    add('bias', 'depthwise_bias', [channels], initializers.zeros());
    const [low, high] = STEP_SIZES.map(Math.log) as [number, number];
    add('stepSize', 'step_size_bias', [heads], uniform(1, low, high));
    add('rate', 'log_rate', [heads], uniform(2, ...RATES));
    add('skip', 'skip', [heads], initializers.ones());
    if (innerNorm) add('gain', 'gain', [x], initializers.ones());
    tf.tidy(() => {
      // softplus of it is the step size; exp of it the rate.
      const size = tf.exp(this.#read('stepSize'));
      this.#weights.get('stepSize')?.write(tf.add(size, tf.log(tf.neg(tf.expm1(tf.neg(size))))));
      this.#weights.get('rate')?.write(tf.log(this.#read('rate')));
    });
    super.build(inputShape);
  }

  #seeded(at: number): { seed?: number } {
    const { seed } = this.settings;
    return seed === undefined ? {} : { seed: 3 * seed + at };
  }

  #read(weight: Weight): tf.Tensor {
    return (this.#weights.get(weight) as LayerVariable).read();
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return this.shapes(inputShape)[0] as Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs = {}): tf.Tensor {
    const list = this.tensors(inputs);
    const [batch, time] = this.#checkTime(list);
    const { groups, taps, chunk } = this.settings;
    return tf.tidy(() => {
      const mask = maskOf(kwargs, batch, time);
      const shown = mask === null ? null : tf.expandDims(tf.cast(mask, 'float32'), -1);
      const hide = (t: tf.Tensor): tf.Tensor => (shown === null ? t : tf.mul(t, shown));
      const [x, b, c, dt, z] = list as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?];
      const padded = tf.pad(hide(tf.concat([x, b, c], -1)), [
        [0, 0],
        [taps - 1, 0],
        [0, 0],
      ]);
      const sequence = this.#sequence(padded, [x, b, c], dt, hide);
      return this.#finish(stateSpace(sequence, groups, chunk), z);
    });
  }

  /** What the recurrence reads, from the inputs after the steps before them. */
  #sequence(
    padded: tf.Tensor,
    like: readonly tf.Tensor[],
    dt: tf.Tensor,
    hide: (t: tf.Tensor) => tf.Tensor,
  ): Sequence {
    const convolved = causalConvolution(padded, this.#read('kernel'), this.#read('bias'));
    const widths = like.map(({ shape }) => shape.at(-1) as number);
    const [x, b, c] = tf.split(convolved, widths, -1) as [tf.Tensor, tf.Tensor, tf.Tensor];
    // A step of size 0 leaves the state as it is.
    const sizes = hide(tf.softplus(tf.add(dt, this.#read('stepSize'))));
    const a = tf.mul(sizes, tf.neg(tf.exp(this.#read('rate'))));
    return { x, dt: sizes, a, b, c, d: this.#read('skip') };
  }

  #finish(y: tf.Tensor, z: tf.Tensor | undefined): tf.Tensor {
    const { innerNorm, epsilon, groups } = this.settings;
    const out = z === undefined ? y : gated(z, y, 'silu');
    return innerNorm ? rmsNormalize(out, this.#read('gain'), epsilon, groups) : out;
  }

  step(
    inputs: tf.Tensor[],
    state: StepState | null,
  ): { readonly output: tf.Tensor; readonly state: StepState } {
    const list = this.tensors(inputs);
    const [batch, time] = this.#checkTime(list);
    const { groups, taps, chunk } = this.settings;
    const [x, b, c, dt, z] = list as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?];
    const read = tf.concat([x, b, c], -1);
    const channels = read.shape[2] as number;
    const [before = tf.zeros([batch, taps - 1, channels]), states = null] = state?.tensors ?? [];
    const padded = taps === 1 ? read : tf.concat([before, read], 1);
    const sequence = this.#sequence(padded, [x, b, c], dt, (t) => t);
    const next = nextStates(sequence, groups, chunk, states);
    const kept = tf.slice(padded, [0, time, 0], [-1, taps - 1, -1]);
    return {
      output: this.#finish(next.output, z),
      state: { position: (state?.position ?? 0) + time, tensors: [kept, next.state] },
    };
  }

  #checkTime(inputs: readonly tf.Tensor[]): [batch: number, time: number] {
    const [batch, time] = (inputs[0] as tf.Tensor).shape as [number, number];
    const fits = inputs.every(
      ({ shape }) => shape.length === 3 && shape[0] === batch && shape[1] === time,
    );
    if (fits) return [batch, time];
    throw new RangeError(
      `${this.where} must read inputs [batch, time, channels] of the same batch and time. Received ${inputs.map(({ shape }) => `[${shape}]`).join(', ')}.`,
    );
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(savedOptions(ABOUT, config));
  }
}

type Initializer = ReturnType<typeof initializers.zeros>;

tf.serialization.registerClass(Mamba2);
describeLayer(Mamba2.className, (layer) => ({
  channelwise: {
    inputs: 3,
    kernel: 'depthwise_kernel',
    gain: (layer as Mamba2).settings.innerNorm ? 'gain' : undefined,
  },
}));

/**
 * The core of a Mamba2 block, without its matrices: a short causal convolution of x, B and C with SiLU, the state-space
 * recurrence for each head,
 *
 *     Δ = softplus(dt + bias),  h ← exp(−Δ·e^logRate)·h + Δ·x ⊗ B,  y = h·C + skip·x,
 *
 * then y·silu(z) where there is a fifth input z, and an RMS norm with gain where that is wanted. Dense layers write
 * its inputs, and another one reads its output, so that every matrix is a layer.
 *
 * Training computes the recurrence chunk by chunk; generation goes on from its state, see {@link decoder}. A mask
 * leaves padded steps out. Weights: `depthwise_kernel` [taps, heads·w + 2·groups·n] and `depthwise_bias`,
 * `step_size_bias`, `log_rate` and `skip` [heads], `gain` [heads·w].
 *
 * @param options heads; groups (1), which share B and C; taps (4) of the convolution; chunk (64 steps); innerNorm
 *   (false), over each group, and its epsilon (1e-6); seed; and those of every layer
 * @returns a layer from [x, B, C, dt] or [x, B, C, dt, z], [batch, time, heads · w] for x and z, [batch, time,
 *   groups · n] for B and C and [batch, time, heads] for dt, to [batch, time, heads · w]
 * @throws TypeError for something that is not an options object and for inputs that are not float32; RangeError for a
 *   wrong or missing option, and for inputs that do not fit each other or the heads and groups
 * @see Dao and Gu, 2024, arXiv 2405.21060, sec. 6 and 7
 * @example
 * const mixer = mamba2({ heads: 2 });
 * mixer.apply([16, 8, 8, 2].map((units) => tf.ones([1, 5, units]))); // [1, 5, 16]
 */
export function mamba2(options: Mamba2Options): layers.Layer {
  return new Mamba2(options);
}
