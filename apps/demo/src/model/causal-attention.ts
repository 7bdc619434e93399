import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import type { LayerConfig, Shape } from './rms-norm.ts';

const BASE = 10_000;
// Added where a query must not look ahead; its exponential is 0 in float32.
const BLOCKED = -1e9;

/**
 * The rotation of positions: x·cos + swapped(x)·sin, where swapped(x) is (b, a) for a head's halves (a, b) and sin
 * has the opposite sign on the first half, so pair i of a head turns by position · 10000^(−2i/headWidth)
 * (Su et al., 2021). Both are scaled by headWidth^(−1/4), for query and key, so that scores come out over √headWidth.
 */
interface Rotation {
  readonly cos: tf.Tensor2D; // [time, width]
  readonly sin: tf.Tensor2D; // [time, width]
}

function makeRotation(time: number, width: number, heads: number): Rotation {
  const headWidth = width / heads;
  const scale = headWidth ** -0.25;
  const half = headWidth / 2;
  const angle = (position: number, channel: number): number =>
    position * BASE ** ((-2 * (channel % half)) / headWidth);
  const table = (f: (position: number, channel: number) => number): tf.Tensor2D =>
    tf.tensor2d(
      Array.from({ length: time }, (_, t) => Array.from({ length: width }, (_, c) => f(t, c))),
    );
  const sign = (channel: number): number => (channel % headWidth < half ? -1 : 1);
  return {
    cos: table((t, c) => scale * Math.cos(angle(t, c))),
    sin: table((t, c) => scale * sign(c) * Math.sin(angle(t, c))),
  };
}

/** Rotates, or with `back` the other way, which is how gradients pass. x: [batch, time, width]. */
function rotate(x: tf.Tensor, heads: number, { cos, sin }: Rotation, back: boolean): tf.Tensor {
  const [batch, time, width] = x.shape as [number, number, number];
  const halves = tf.reshape(x, [batch * time * heads, 2, width / heads / 2]);
  const swapped = tf.reshape(tf.reverse(halves, 1), x.shape);
  const [straight, across] = [tf.mul(x, cos), tf.mul(swapped, sin)];
  return back ? tf.sub(straight, across) : tf.add(straight, across);
}

/** [batch, time, width] → [batch · heads, time, headWidth] */
function split(x: tf.Tensor, heads: number): tf.Tensor3D {
  const [batch, time, width] = x.shape as [number, number, number];
  const byHead = tf.transpose(tf.reshape(x, [batch, time, heads, width / heads]), [0, 2, 1, 3]);
  return tf.reshape(byHead, [batch * heads, time, width / heads]);
}

/** [batch · heads, time, headWidth] → [batch, time, width] */
function merge(x: tf.Tensor, heads: number): tf.Tensor {
  const [rows, time, headWidth] = x.shape as [number, number, number];
  const byTime = tf.transpose(tf.reshape(x, [rows / heads, heads, time, headWidth]), [0, 2, 1, 3]);
  return tf.reshape(byTime, [rows / heads, time, heads * headWidth]);
}

/**
 * Causal multi-head attention with rotary positions, without weights: softmax(QKᵀ/√headWidth + mask)·V per
 * head. The derivative is written out: it needs the probabilities alone, and Σ_j dP·P = Σ dO·O per query
 * (Dao et al., 2022, eq. 4) instead of another [time, time] product.
 *
 * @param query, key, value [batch, time, width]
 * @returns [batch, time, width]
 */
export function causalAttention(
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  heads: number,
  rotation: Rotation,
  mask: tf.Tensor2D,
): tf.Tensor {
  const attend = tf.customGrad((...args) => {
    const [q0, k0, v0, save] = args as unknown as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      (tensors: tf.Tensor[]) => void,
    ];
    const q = split(rotate(q0, heads, rotation, false), heads);
    const k = split(rotate(k0, heads, rotation, false), heads);
    const v = split(v0, heads);
    const p = tf.softmax(tf.add(tf.matMul(q, k, false, true), mask)) as tf.Tensor3D; // [batch·heads, time, time]
    const out = tf.matMul(p, v);
    save([q, k, v, p, out]);
    return {
      value: merge(out, heads),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [sq, sk, sv, sp, so] = saved as [
          tf.Tensor3D,
          tf.Tensor3D,
          tf.Tensor3D,
          tf.Tensor3D,
          tf.Tensor3D,
        ];
        const dOut = split(dy, heads);
        const dV = tf.matMul(sp, dOut, true, false);
        const along = tf.sum(tf.mul(dOut, so), -1, true); // [batch·heads, time, 1]
        const dScores = tf.mul(sp, tf.sub(tf.matMul(dOut, sv, false, true), along)) as tf.Tensor3D;
        const dQ = merge(tf.matMul(dScores, sk), heads);
        const dK = merge(tf.matMul(dScores, sq, true, false), heads);
        return [
          rotate(dQ, heads, rotation, true),
          rotate(dK, heads, rotation, true),
          merge(dV, heads),
        ];
      },
    };
  });
  return attend(query, key, value);
}

/** The weightless attention layer; takes [query, key, value]. */
export class CausalAttention extends layers.Layer {
  static readonly className = 'DemoCausalAttention';
  readonly #heads: number;
  #time = 0;
  #constants: { rotation: Rotation; mask: tf.Tensor2D } | null = null;

  constructor(config: LayerConfig & { heads: number }) {
    super(config);
    this.#heads = config.heads;
  }

  override build(inputShape: Shape | Shape[]): void {
    const width = (inputShape as Shape[])[0]?.at(-1) as number;
    if (width % (2 * this.#heads) !== 0) {
      throw new RangeError(
        `CausalAttention: the width must be a multiple of twice the heads, for rotary pairs. Received ${width} and ${this.#heads} heads.`,
      );
    }
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return (inputShape as Shape[])[0] as Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [query, key, value] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    const { rotation, mask } = this.#constantsFor(
      query.shape[1] as number,
      query.shape[2] as number,
    );
    return tf.tidy(() => causalAttention(query, key, value, this.#heads, rotation, mask));
  }

  #constantsFor(time: number, width: number): { rotation: Rotation; mask: tf.Tensor2D } {
    if (this.#constants === null || this.#time !== time) {
      this.#disposeConstants();
      this.#time = time;
      const rotation = makeRotation(time, width, this.#heads);
      const mask = tf.tensor2d(
        Array.from({ length: time }, (_, i) =>
          Array.from({ length: time }, (_, j) => (j > i ? BLOCKED : 0)),
        ),
      );
      for (const tensor of [...Object.values(rotation), mask]) tf.keep(tensor);
      this.#constants = { rotation, mask };
    }
    return this.#constants;
  }

  #disposeConstants(): void {
    if (this.#constants !== null)
      tf.dispose([this.#constants.rotation as unknown as tf.TensorContainer, this.#constants.mask]);
    this.#constants = null;
  }

  override dispose(): ReturnType<layers.Layer['dispose']> {
    this.#disposeConstants();
    return super.dispose();
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), heads: this.#heads };
  }
}

tf.serialization.registerClass(CausalAttention);
