import { checkOptions, numberRule } from '@tfjs-lrm/core/kit';
import { factor, known, required, steps } from './options.ts';
import { loadable, named, type Schedule } from './registry.ts';

/** @inline */
interface CosineRestartsOptions {
  readonly steps: number;
  readonly growth?: number | undefined;
  readonly peakFactor?: number | undefined;
  readonly finalFactor?: number | undefined;
}

/** The cycle of a step, counted from 0, and how much of it has passed, from 0 to less than 1. */
function cycleAt(t: number, steps: number, growth: number): { cycle: number; x: number } {
  if (growth === 1) return { cycle: Math.floor(t / steps), x: (t % steps) / steps };
  let [cycle, start, length] = [0, 0, steps];
  while (t >= start + length) {
    start += length;
    length *= growth;
    cycle++;
  }
  return { cycle, x: (t - start) / length };
}

/**
 * Cosines that begin anew for ever, SGDR (Loshchilov and Hutter, 2017, eq. 5). Cycle i, from 0, has steps · growthⁱ
 * steps, and at a part x of it
 *
 *   f = finalFactor + (1 − finalFactor) · peakFactorⁱ · (1 + cos(π · x)) / 2
 *
 * as `CosineAnnealingWarmRestarts` of PyTorch (T_0, T_mult, eta_min) and `CosineDecayRestarts` of Keras (t_mul, m_mul,
 * alpha).
 *
 * @param options steps of the first cycle; growth (1), a whole number by which each cycle is longer than the one before;
 *   peakFactor (1), by which each cycle starts lower; finalFactor (0), a factor of the base rate
 * @throws RangeError for a missing, unknown or wrong option
 * @example
 * withSchedule(adam(), cosineRestarts({ steps: 1000, growth: 2, peakFactor: 0.8 }));
 */
export function cosineRestarts(options: CosineRestartsOptions): Schedule {
  const growthRule = numberRule({ min: 1, integer: true, try: '2' });
  checkOptions('cosineRestarts', options, {
    steps,
    growth: growthRule,
    peakFactor: factor,
    finalFactor: factor,
  });
  required('cosineRestarts', options, ['steps']);
  const { steps: length, growth = 1, peakFactor = 1, finalFactor = 0 } = options;
  return named('cosineRestarts', { steps: length, growth, peakFactor, finalFactor }, (t) => {
    const { cycle, x } = cycleAt(t, length, growth);
    return (
      finalFactor + ((1 - finalFactor) * peakFactor ** cycle * (1 + Math.cos(Math.PI * x))) / 2
    );
  });
}

loadable('cosineRestarts', (config) =>
  cosineRestarts(
    known<CosineRestartsOptions>(config, ['steps', 'growth', 'peakFactor', 'finalFactor']),
  ),
);
