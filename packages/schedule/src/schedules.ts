import { checkOptions, numberRule, oneOfRule, show } from '@tfjs-lrm/core/kit';
import { factor, known, required, steps } from './options.ts';
import {
  loadable,
  named,
  type Schedule,
  scheduleFromConfig,
  scheduleToConfig,
} from './registry.ts';

const count = (fallback: string) => numberRule({ min: 0, integer: true, try: fallback });

/**
 * f(t) = 1.
 *
 * @example
 * withSchedule(adam(), constant());
 */
export function constant(): Schedule {
  return named('constant', {}, () => 1);
}

/** @inline */
interface LinearOptions {
  readonly steps: number;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/**
 * f(t) = from + (to − from) · min(t / steps, 1).
 *
 * @param options steps until the end value; from (1) and to (0), factors of the base rate
 * @example
 * withSchedule(adam(), linear({ steps: 1000 }));
 */
export function linear(options: LinearOptions): Schedule {
  checkOptions('linear', options, { steps, from: factor, to: factor });
  required('linear', options, ['steps']);
  const { steps: length, from = 1, to = 0 } = options;
  return named(
    'linear',
    { steps: length, from, to },
    (t) => from + (to - from) * Math.min(t / length, 1),
  );
}

/** @inline */
interface CosineOptions {
  readonly steps: number;
  readonly finalFactor?: number | undefined;
}

/**
 * f(t) = finalFactor + (1 − finalFactor) · (1 + cos(π · min(t / steps, 1))) / 2 (Loshchilov and Hutter, 2017, eq. 5).
 *
 * @param options steps until the end value; finalFactor (0), a factor of the base rate
 * @example
 * withSchedule(adam(), cosine({ steps: 1000, finalFactor: 0.1 }));
 */
export function cosine(options: CosineOptions): Schedule {
  checkOptions('cosine', options, { steps, finalFactor: factor });
  required('cosine', options, ['steps']);
  const { steps: length, finalFactor = 0 } = options;
  return named(
    'cosine',
    { steps: length, finalFactor },
    (t) => finalFactor + (1 - finalFactor) * half(Math.min(t / length, 1)),
  );
}

const half = (x: number): number => (1 + Math.cos(Math.PI * x)) / 2;

/** How the last phase goes from 1 at x = 0 to `end` at x = 1. */
const SHAPES: Record<
  'exponential' | 'linear' | 'cosine' | '1-sqrt',
  (x: number, end: number) => number
> = {
  exponential: (x, end) => end ** x,
  linear: (x, end) => 1 + (end - 1) * x,
  cosine: (x, end) => end + (1 - end) * half(x),
  '1-sqrt': (x, end) => end + (1 - end) * (1 - Math.sqrt(x)),
};

/** @inline */
interface WarmupStableDecayOptions {
  readonly warmup: number;
  readonly stable: number;
  readonly decay: number;
  readonly finalFactor?: number | undefined;
  readonly shape?: keyof typeof SHAPES | undefined;
}

/**
 * Warm-up, constant rate, decay (the paper's, arXiv 2601.04890, app. A: a constant phase, then an exponential
 * decay by 8). With t the step from 0:
 *
 *   t < warmup             f = (t + 1) / warmup
 *   then `stable` steps    f = 1
 *   then `decay` steps     f = finalFactor^x ('exponential'), x = (t − warmup − stable) / decay
 *   after them             f = finalFactor
 *
 * @param options warmup, stable and decay in steps; finalFactor (1/8), more than 0 for 'exponential'; shape
 *   ('exponential'), or 'linear', 'cosine', '1-sqrt' in x
 * @example
 * withSchedule(adam(), warmupStableDecay({ warmup: 100, stable: 1500, decay: 400 }));
 */
export function warmupStableDecay(options: WarmupStableDecayOptions): Schedule {
  checkOptions('warmupStableDecay', options, {
    warmup: count('100'),
    stable: count('1500'),
    decay: count('400'),
    finalFactor: factor,
    shape: oneOfRule(Object.keys(SHAPES)),
  });
  required('warmupStableDecay', options, ['warmup', 'stable', 'decay']);
  const { warmup, stable, decay, finalFactor = 1 / 8, shape = 'exponential' } = options;
  if (shape === 'exponential' && finalFactor === 0) {
    throw new RangeError(
      `warmupStableDecay: "finalFactor" must be > 0 for the shape 'exponential', which never reaches 0. Received 0. Try shape: 'linear'.`,
    );
  }
  const curve = SHAPES[shape];
  return named('warmupStableDecay', { warmup, stable, decay, finalFactor, shape }, (t) => {
    if (t < warmup) return (t + 1) / warmup;
    const x = t - warmup - stable;
    if (x < 0) return 1;
    return x < decay ? curve(x / decay, finalFactor) : finalFactor;
  });
}

/** @inline */
interface Part {
  readonly steps: number;
  readonly schedule: Schedule;
}

/**
 * Schedules one after the other: each counts from 0 and lasts `steps` steps; the last one goes on for ever.
 *
 * @throws RangeError for an empty list or a part without a schedule
 * @example
 * withSchedule(adam(), chain([
 *   { steps: 100, schedule: linear({ steps: 100, from: 0, to: 1 }) },
 *   { steps: 900, schedule: cosine({ steps: 900 }) },
 * ]));
 */
export function chain(parts: readonly Part[]): Schedule {
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new RangeError(
      `chain: give at least one part { steps, schedule }. Received ${show(parts)}.`,
    );
  }
  for (const part of parts) {
    checkOptions('chain', part, { steps, schedule: isFunction });
    required('chain', part, ['steps', 'schedule']);
  }
  const config = {
    parts: parts.map((part) => ({ steps: part.steps, schedule: scheduleToConfig(part.schedule) })),
  };
  const factorAt = (t: number): number => {
    let start = 0;
    for (const part of parts) {
      if (t < start + part.steps || part === parts.at(-1)) return part.schedule(t - start);
      start += part.steps;
    }
    return 1;
  };
  // A chain can be saved only if all of its parts can.
  return config.parts.every(({ schedule }) => schedule !== null)
    ? named('chain', config, factorAt)
    : factorAt;
}

const isFunction = (value: unknown) =>
  typeof value === 'function' ? null : { must: 'be a schedule', try: 'cosine({ steps: 1000 })' };

loadable('constant', constant);
loadable('linear', (config) => linear(known<LinearOptions>(config, ['steps', 'from', 'to'])));
loadable('cosine', (config) => cosine(known<CosineOptions>(config, ['steps', 'finalFactor'])));
loadable('warmupStableDecay', (config) =>
  warmupStableDecay(
    known<WarmupStableDecayOptions>(config, ['warmup', 'stable', 'decay', 'finalFactor', 'shape']),
  ),
);
loadable('chain', ({ parts }) =>
  chain(
    (Array.isArray(parts) ? (parts as (Record<string, unknown> | null)[]) : []).map((part) => ({
      steps: part?.['steps'] as number,
      schedule: scheduleFromConfig(part?.['schedule']),
    })),
  ),
);
