/** Numbers of outcomes: means with their spread over the seeds, and what rules ask of curves. */
import { mean, spread } from '@tfjs-lrm/language-model';
import type { Line } from '@tfjs-lrm/shared';
import type { Measured, Outcome, Varied } from './experiment.ts';

/** A quantity at one place: its mean and sample standard deviation over the seeds. */
export interface Point {
  readonly at: number;
  readonly mean: number;
  readonly spread: number;
  /** Standard error of the mean; 0 for a single seed. */
  readonly error: number;
}

/** Mean, spread and standard error of some values. */
export function pointOf(at: number, values: readonly number[]): Point {
  const deviation = values.length > 1 ? spread(values) : 0;
  return {
    at,
    mean: mean(values),
    spread: deviation,
    error: deviation / Math.sqrt(values.length),
  };
}

/** The outcomes whose cells have these values. */
export const where = <V extends Varied>(
  outcomes: readonly Outcome<V>[],
  values: Partial<V>,
): Outcome<V>[] =>
  outcomes.filter(({ cell }) =>
    Object.entries(values).every(([key, value]) => cell.varied[key] === value),
  );

/** A measured number, by its name. */
export const numberOf =
  (quantity: string) =>
  (measured: Measured): number => {
    const value = measured[quantity];
    return typeof value === 'number' ? value : Number.NaN;
  };

/** A measured list of numbers, by its name. */
export const listOf =
  (quantity: string) =>
  (measured: Measured): readonly number[] => {
    const value = measured[quantity];
    return Array.isArray(value) ? value : [];
  };

/** A quantity against what `along` names, by rising values: its points over the seeds. */
export function curve<V extends Varied>(
  outcomes: readonly Outcome<V>[],
  values: Partial<V>,
  along: keyof V & string,
  quantity: (measured: Measured) => number,
): Point[] {
  const own = where(outcomes, values);
  const places = [...new Set(own.map(({ cell }) => cell.varied[along] as number))];
  return places
    .sort((a, b) => a - b)
    .map((at) =>
      pointOf(
        at,
        own
          .filter(({ cell }) => cell.varied[along] === at)
          .map(({ measured }) => quantity(measured)),
      ),
    );
}

/** Points as a line of a chart. */
export const lineOf = (name: string, points: readonly Point[]): Line => ({
  name,
  points: points.map((point) => ({ x: point.at, y: point.mean, spread: point.spread })),
});

/** Lists of the same length as one curve, whose place is the index or what `places` says. */
export const curveOfLists = (
  lists: readonly (readonly number[])[],
  places: readonly number[] = (lists[0] ?? []).map((_, i) => i),
): Point[] =>
  places.map((at, i) =>
    pointOf(
      at,
      lists.map((list) => list[i] as number),
    ),
  );

/** Whether conditions hold, in words. */
export const inWords = (...held: readonly boolean[]): string =>
  held.map((each) => (each ? 'yes' : 'no')).join(', ');

/** What a band in a chart shows. */
export const overSeeds = ({ seeds }: { readonly seeds: readonly number[] }): string =>
  seeds.length === 1
    ? 'One seed.'
    : `Means over ${seeds.length} seeds; the band is the sample standard deviation.`;

/** Largest minus smallest mean. */
export const range = (points: readonly Point[]): number =>
  Math.max(...points.map((point) => point.mean)) - Math.min(...points.map((point) => point.mean));

/** By how much one end of a curve lies above its lowest point, and the standard error of that. */
export function degradation(
  points: readonly Point[],
  end: 'first' | 'last',
): { readonly nats: number; readonly error: number } {
  const best = points.reduce((a, b) => (b.mean < a.mean ? b : a));
  const point = (end === 'first' ? points[0] : points.at(-1)) as Point;
  return { nats: point.mean - best.mean, error: Math.hypot(point.error, best.error) };
}

/** The slope of a line through points [x, y], by least squares. */
export function slope(points: readonly (readonly [number, number])[]): number {
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const sum = (of: (x: number, y: number) => number): number =>
    points.reduce((total, [x, y]) => total + of(x - mx, y - my), 0);
  return sum((x, y) => x * y) / sum((x) => x * x);
}

/** The slope of log(quantity) against log(place), by least squares. */
export const logSlope = (points: readonly Point[]): number =>
  slope(points.map(({ at, mean: value }) => [Math.log(at), Math.log(value)]));
