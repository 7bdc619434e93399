/** The schedules that can be saved, by the names under which files hold them. */
import { checkOptions, knownOptions, type Rule, show } from '@tfjs-lrm/core/kit';

/**
 * The factor of the base learning rate at a step, counted from 0. One that was made by a function of this package, or by
 * one that `schedule` made, carries that function's name and its configuration, so that an optimizer with it can be saved.
 */
export interface Schedule {
  (step: number): number;
  readonly className?: string;
  readonly config?: object;
}

type Load = (config: Readonly<Record<string, unknown>>) => Schedule;

// On globalThis, so that two copies of this package in one process load each other's files.
const LOADERS: unique symbol = Symbol.for('tfjs-lrm/schedules');
const shared = globalThis as { [LOADERS]?: Map<string, Load> };
shared[LOADERS] ??= new Map();
const loaders: Map<string, Load> = shared[LOADERS];

/** A schedule with what a file holds of it. */
export function named(className: string, config: object, at: (step: number) => number): Schedule {
  return Object.assign((step: number): number => at(step), { className, config });
}

/** Says how a schedule is made again from its configuration. */
export function loadable(className: string, load: Load): void {
  loaders.set(className, load);
}

/**
 * Makes the function by which users get a schedule of your own, and registers it, so that optimizers with it are saved
 * and loaded.
 *
 * @param name the name of the function; files hold it
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
  const made = (options: Options = {} as Options): Schedule => {
    checkOptions(name, options, rules);
    return named(name, { ...options }, make(options));
  };
  loadable(name, (config) => made(knownOptions(config, Object.keys(rules)) as Options));
  return made;
}

/** A schedule as plain data; null for a bare function. */
export function scheduleToConfig(given: Schedule): { className: string; config: object } | null {
  return given.className === undefined || given.config === undefined
    ? null
    : { className: given.className, config: given.config };
}

/**
 * The schedule that `scheduleToConfig` wrote.
 *
 * @throws RangeError for an unknown one or values out of range
 */
export function scheduleFromConfig(data: unknown): Schedule {
  const { className, config } = (data ?? {}) as { className?: unknown; config?: unknown };
  const load = typeof className === 'string' ? loaders.get(className) : undefined;
  if (load === undefined) {
    throw new RangeError(`withSchedule: there is no schedule ${show(className)} to load.`);
  }
  return load(typeof config === 'object' && config !== null ? { ...config } : {});
}
