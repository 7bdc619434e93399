export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample standard deviation; not a number for a single value. */
export function spread(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - middle) ** 2, 0) / (values.length - 1));
}

/** Mean, with ± sample standard deviation where there are several values. */
export const meanAndSpread = (values: readonly number[], digits: number): string =>
  values.length > 1
    ? `${mean(values).toFixed(digits)} ± ${spread(values).toFixed(digits)}`
    : mean(values).toFixed(digits);

/** Items under the key that each has, keys in the order of their first items. */
export function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
