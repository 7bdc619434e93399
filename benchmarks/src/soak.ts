/** A long training of a compiled MLP with multipliers, Muon and clipping, whose memory must not grow. */
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';

/** The memory of a process. */
export interface Held {
  readonly tensors: number;
  /** Megabytes of resident memory. */
  readonly resident: number;
}

/** The memory after a warm-up, and at the end. */
export interface Growth {
  readonly begin: Held;
  readonly end: Held;
}

export interface Soak {
  /** Takes so many steps with batches of one size; the first tenth is the warm-up. */
  steps(count: number): Promise<Growth>;
  /** Makes so many recordings of three steps each, after a warm-up of 200, from batches of more sizes than `compile` keeps. */
  retraces(count: number): Promise<Growth>;
  dispose(): void;
}

const FEATURES = 16;
/**
 * More than `compile` keeps. TensorFlow's matrix products keep some memory for each shape that they see, compiled or
 * not, so each size comes ten times before memory is compared.
 */
const SIZES = 20;

export async function makeSoak(): Promise<Soak> {
  const { compile } = await import('@tfjs-lrm/native');
  const model = sequential({
    layers: [
      withMultipliers(layers.dense({ units: 32, activation: 'relu', inputShape: [FEATURES] })),
      withMultipliers(layers.dense({ units: 32, activation: 'relu' })),
      withMultipliers(layers.dense({ units: 4 }), { row: false }),
    ],
  });
  assignRoles(model);
  const optimizer = withClipping(muon({ learningRate: 1e-3 }), { globalNorm: 1 });
  const step = compile((x: tf.Tensor, y: tf.Tensor) =>
    optimizer.minimize(
      () => tf.losses.meanSquaredError(y, model.apply(x, { training: true }) as tf.Tensor),
      true,
    ),
  );

  async function train(size: number): Promise<void> {
    const [x, y] = [tf.randomNormal([size, FEATURES]), tf.randomNormal([size, 4])];
    const loss = step(x, y) as tf.Scalar;
    const [value] = await loss.data();
    tf.dispose([x, y, loss]);
    if (!Number.isFinite(value)) throw new Error(`soak: the loss became ${value}`);
  }

  async function grow(warmUp: number, count: number, work: () => Promise<void>): Promise<Growth> {
    for (let i = 0; i < warmUp; i++) await work();
    const begin = held();
    for (let i = 0; i < count; i++) await work();
    return { begin, end: held() };
  }

  let size = 0;
  return {
    steps: (count) => grow(count / 10, count - count / 10, () => train(64)),
    retraces: (count) =>
      grow(10 * SIZES, count, async () => {
        size = (size + 1) % SIZES;
        for (let i = 0; i < 3; i++) await train(100 + size);
      }),
    dispose() {
      step.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };
}

function held(): Held {
  // With --expose-gc, JavaScript's garbage does not count.
  globalThis.gc?.();
  return { tensors: tf.memory().numTensors, resident: process.memoryUsage.rss() / 2 ** 20 };
}
