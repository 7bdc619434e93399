import { checkOptions } from '@tfjs-lrm/core/kit';
import { steps as count, known, required } from './options.ts';
import { loadable, named, type Schedule } from './registry.ts';

/** @inline */
interface BatchRampOptions {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  readonly multiple?: number | undefined;
}

/** Batch sizes that grow, and the learning rate that belongs to each. */
export interface BatchRamp {
  /** The number of examples in the batch of a step, counted from 0. */
  readonly batchSize: (step: number) => number;
  /** √(batchSize(t) / to), a factor of the base rate, which is the one for the full batch. */
  readonly factor: Schedule;
}

const NAME = 'batchRamp';

/**
 * A ramp of the batch size with the rate scaled by its square root, as in the runs of the paper (arXiv 2601.04890, app. A):
 *
 *   B(t) = from + (to − from) · min(t / steps, 1), to the nearest multiple of `multiple`
 *   f(t) = √(B(t) / to)
 *
 * Under Adam and its relatives the noise of an update falls as the square root of the batch, so that this factor keeps the
 * ratio of the rate to the noise. It multiplies with another schedule around it.
 *
 * @param options from and to, batch sizes in examples; steps until the full batch; multiple (1), such as the micro-batch,
 *   of which from and to are multiples
 * @returns the batch size at a step and the factor of the base rate; the factor is saved as other schedules are
 * @throws RangeError for a missing, unknown or wrong option
 * @example
 * const ramp = batchRamp({ from: 8, to: 64, steps: 1000, multiple: 8 });
 * const optimizer = withSchedule(adam({ learningRate: 1e-3 }), ramp.factor);
 * ramp.batchSize(500); // 40: how many examples to take for step 500
 */
export function batchRamp(options: BatchRampOptions): BatchRamp {
  checkOptions(NAME, options, { from: count, to: count, steps: count, multiple: count });
  required(NAME, options, ['from', 'to', 'steps']);
  const { from, to, steps, multiple = 1 } = options;
  for (const key of ['from', 'to'] as const) {
    if (options[key] % multiple !== 0) {
      throw new RangeError(
        `${NAME}: "${key}" must be a multiple of "multiple", ${multiple}. Received ${options[key]}. Try ${Math.ceil(options[key] / multiple) * multiple}.`,
      );
    }
  }
  const jumps = (to - from) / multiple;
  const batchSize = (t: number): number =>
    from + multiple * Math.round(jumps * Math.min(t / steps, 1));
  const factor = named(NAME, { from, to, steps, multiple }, (t) => Math.sqrt(batchSize(t) / to));
  return { batchSize, factor };
}

loadable(
  NAME,
  (config) =>
    batchRamp(known<BatchRampOptions>(config, ['from', 'to', 'steps', 'multiple'])).factor,
);
