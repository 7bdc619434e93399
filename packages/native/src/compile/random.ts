/**
 * Random numbers. tfjs draws them in JavaScript, one by one, and makes a tensor of them, which a recording would
 * repeat in every step. This recognises them, so that the recording can have TensorFlow draw new ones instead.
 */
import type { Patch } from '@tfjs-lrm/core/kit';
import type { Values } from './addon.ts';
import { type Generator, randomGenerators } from './internals.ts';
import type { Place } from './place.ts';

/** A tensor of random numbers: `shift + scale · X`, X uniform in [0, 1) or normal of variance 1. */
export interface Draw {
  readonly op: 'StatelessRandomUniform' | 'StatelessRandomNormal' | 'StatelessTruncatedNormal';
  readonly shift: number;
  readonly scale: number;
  /** Whether numbers are rounded to the nearest whole one. */
  readonly rounds: boolean;
  /** A number that follows from the user's seed; null without a seed. */
  readonly seed: number | null;
}

const OPERATIONS = new Set([
  'randomUniform',
  'randomUniformInt',
  'randomNormal',
  'truncatedNormal',
]);

export interface Draws {
  readonly patches: readonly Patch[];
  /** Called for every tensor that is made of JavaScript values. */
  written(values: Values): void;
  /** How these values were drawn; undefined where they are not random numbers. */
  drawOf(values: Values): Draw | undefined;
}

export function watchDraws(place: Place): Draws {
  const draws = new WeakMap<object, Draw>();
  let latest: Generator | null = null;
  let isSeeded = true;
  const isDrawing = (): boolean => OPERATIONS.has(place.operation() ?? '');

  const patches: Patch[] = [
    {
      object: Math,
      method: 'random',
      by: (former: () => number) => () => {
        if (isDrawing()) isSeeded = false;
        return former();
      },
    },
    ...randomGenerators().map((prototype) => ({
      object: prototype,
      method: 'nextValue',
      by: (former: () => number) =>
        function (this: Generator) {
          latest = this;
          return former.call(this);
        },
    })),
  ];

  return {
    patches,
    drawOf: (values) => draws.get(values),
    written(values) {
      const [generator, seeded] = [latest, isSeeded];
      latest = null;
      isSeeded = true;
      if (!isDrawing()) {
        if (generator === null) return;
        throw new Error(
          `compile: a step cannot draw random numbers with ${place.operation() ?? 'this'}. ` +
            `Received them in ${place.describe()}. Try tf.randomUniform, tf.randomNormal or tf.truncatedNormal.`,
        );
      }
      // A tensor without elements draws nothing.
      if (generator === null && values.length === 0) return;
      if (generator === null || values instanceof Uint8Array) {
        throw new Error(
          `compile: the random numbers of ${place.describe()} cannot be recorded. ` +
            "Try those of the same tfjs-core that this package imports, in 'float32' or 'int32'.",
        );
      }
      // With a seed tfjs gives the same numbers in every call, but for dropout nobody wants the same mask.
      if (seeded && !place.isInside('dropout')) return;
      draws.set(values, describe(generator, seeded ? hash(values as ArrayLike<number>) : null));
    },
  };
}

function describe(generator: Generator, seed: number | null): Draw {
  const { dtype, min, range, mean, stdDev, truncated } = generator;
  const rounds = dtype != null && dtype !== 'float32';
  if (range !== undefined) {
    return { op: 'StatelessRandomUniform', shift: min ?? 0, scale: range, rounds, seed };
  }
  const op = truncated ? 'StatelessTruncatedNormal' : 'StatelessRandomNormal';
  return { op, shift: mean ?? 0, scale: stdDev ?? 1, rounds, seed };
}

/** A whole number of 32 bits that the values decide. */
function hash(values: ArrayLike<number>): number {
  let state = 0x811c9dc5;
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  for (const word of bits) state = Math.imul(state ^ word, 0x01000193);
  return state | 0;
}
