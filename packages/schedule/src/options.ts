/** What the schedules share in checking their options, from users and from files. */
import { knownOptions, numberRule, type Rule } from '@tfjs-lrm/core/kit';

export const steps: Rule = numberRule({ min: 1, integer: true, try: '1000' });
export const factor: Rule = numberRule({ min: 0, try: '1' });

/** The known options in what a file holds; the function that gets them checks their values. */
export const known = <Options extends object>(
  config: Readonly<Record<string, unknown>>,
  keys: readonly (keyof Options & string)[],
): Options => knownOptions(config, keys) as Options;

/** @throws RangeError naming the first of the keys that has no value */
export function required<T extends object>(
  where: string,
  options: T,
  keys: readonly (keyof T & string)[],
): void {
  for (const key of keys) {
    if (options[key] === undefined) throw new RangeError(`${where}: "${key}" is missing.`);
  }
}
