/** Decays by a power: the inverse square root of the step, and a polynomial. */
import { checkOptions, numberRule } from '@tfjs-lrm/core/kit';
import { factor, known, required, steps } from './options.ts';
import { loadable, named, type Schedule } from './registry.ts';

/** @inline */
interface SqrtOptions {
  readonly warmup: number;
}

/**
 * The inverse square root of the step after a linear warm-up, f(t) = min((t + 1) / warmup, √(warmup / (t + 1))): 1 at
 * the end of the warm-up, 1/2 at four times as many steps, and never 0, so that no number of steps must be known
 * (Vaswani et al., 2017, eq. 3, divided by its peak).
 *
 * @param options warmup in steps, at least 1
 * @throws RangeError for a missing, unknown or wrong option
 * @example
 * withSchedule(adam(), sqrt({ warmup: 4000 }));
 */
export function sqrt(options: SqrtOptions): Schedule {
  checkOptions('sqrt', options, { warmup: steps });
  required('sqrt', options, ['warmup']);
  const { warmup } = options;
  return named('sqrt', { warmup }, (t) => Math.min((t + 1) / warmup, Math.sqrt(warmup / (t + 1))));
}

/** @inline */
interface PolynomialOptions {
  readonly steps: number;
  readonly power?: number | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/**
 * f(t) = to + (from − to) · (1 − min(t / steps, 1))^power, as `PolynomialLR` of PyTorch and `polynomial_schedule` of
 * optax. With power 1 it is `linear`.
 *
 * @param options steps until the end value; power (2), more than 0; from (1) and to (0), factors of the base rate
 * @throws RangeError for a missing, unknown or wrong option
 * @example
 * withSchedule(adam(), polynomial({ steps: 1000, power: 0.9 }));
 */
export function polynomial(options: PolynomialOptions): Schedule {
  const power = numberRule({ min: 0, exclusive: true, try: '2' });
  checkOptions('polynomial', options, { steps, power, from: factor, to: factor });
  required('polynomial', options, ['steps']);
  const { steps: length, power: exponent = 2, from = 1, to = 0 } = options;
  return named(
    'polynomial',
    { steps: length, power: exponent, from, to },
    (t) => to + (from - to) * (1 - Math.min(t / length, 1)) ** exponent,
  );
}

loadable('sqrt', (config) => sqrt(known<SqrtOptions>(config, ['warmup'])));
loadable('polynomial', (config) =>
  polynomial(known<PolynomialOptions>(config, ['steps', 'power', 'from', 'to'])),
);
