/** The schedules that can be saved, by the names under which files hold them. */
import { checkOptions, knownOptions, type Rule, show } from '@tfjs-lrm/core/kit';

/**
 * The factor of the base learning rate at a step, counted from 0. A schedule from a function of this package, or from
 * one that `schedule` returned, carries the name of that function and its options, so that an optimizer with it can be
 * saved.
 */
export interface Schedule {
  (step: number): number;
  readonly className?: string;
  readonly config?: object;
}

type Load = (config: Readonly<Record<string, unknown>>) => Schedule;

// On globalThis, so that two copies of this package in one process can load each other's files.
const LOADERS: unique symbol = Symbol.for('tfjs-lrm/schedules');
const shared = globalThis as { [LOADERS]?: Map<string, Load> };
shared[LOADERS] ??= new Map();
const loaders: Map<string, Load> = shared[LOADERS];

/** A schedule with its saved form. */
export function named(className: string, config: object, at: (step: number) => number): Schedule {
  return Object.assign((step: number): number => at(step), { className, config });
}

/** Registers how a schedule is built from its saved options. */
export function loadable(className: string, load: Load): void {
  loaders.set(className, load);
}

/**
 * Makes the function with which users create a schedule of your own, and registers it, so that optimizers with it can be
 * saved and loaded.
 *
 * @param name the name of the function, which files hold
 * @param make gets the checked options, plain data, and returns the factor at a step, counted from 0
 * @param rules a rule for each option
 * @example
 * const inverseRoot = schedule('inverseRoot', ({ warmup = 100 }) => (step) =>
 *   Math.min((step + 1) / warmup, Math.sqrt(warmup / (step + 1))), { warmup: numberRule({ min: 1, try: '100' }) });
 * withSchedule(adam(), inverseRoot({ warmup: 1000 }));
 */
export function schedule<Options extends object>(
  name: string,
  make: (options: Options) => (step: number) => number,
  rules: { readonly [option in keyof Options]-?: Rule },
): (options?: Options) => Schedule {
  const create = (options: Options = {} as Options): Schedule => {
    checkOptions(name, options, rules);
    return named(name, { ...options }, make(options));
  };
  loadable(name, (config) => create(knownOptions(config, Object.keys(rules)) as Options));
  return create;
}

/** A schedule as plain data; null for a bare function. */
export function scheduleToConfig(schedule: Schedule): { className: string; config: object } | null {
  return schedule.className === undefined || schedule.config === undefined
    ? null
    : { className: schedule.className, config: schedule.config };
}

/**
 * The schedule that `scheduleToConfig` wrote.
 *
 * @throws RangeError for an unknown schedule or values out of range
 */
export function scheduleFromConfig(data: unknown): Schedule {
  const { className, config } = (data ?? {}) as { className?: unknown; config?: unknown };
  const load = typeof className === 'string' ? loaders.get(className) : undefined;
  if (load === undefined) {
    throw new RangeError(`withSchedule: there is no schedule ${show(className)} to load.`);
  }
  return load(typeof config === 'object' && config !== null ? { ...config } : {});
}
