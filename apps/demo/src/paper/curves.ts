import { mean, spread } from '@tfjs-lrm/language-model';
import type { Outcome } from './experiment.ts';

/** A quantity against S: its mean and sample standard deviation over the seeds at each factor. */
export interface Point {
  readonly factor: number;
  readonly mean: number;
  readonly spread: number;
  /** Standard error of the mean; 0 for a single seed. */
  readonly error: number;
}

/** The points of one line, by rising factor. */
export function curve(outcomes: readonly Outcome[], line: string, quantity: string): Point[] {
  const own = outcomes.filter(({ cell }) => cell.line === line);
  const factors = [...new Set(own.map(({ cell }) => cell.factor))].sort((a, b) => a - b);
  return factors.map((factor) => {
    const values = own
      .filter(({ cell }) => cell.factor === factor)
      .map(({ measured }) => measured[quantity] ?? Number.NaN);
    const deviation = values.length > 1 ? spread(values) : 0;
    return {
      factor,
      mean: mean(values),
      spread: deviation,
      error: deviation / Math.sqrt(values.length),
    };
  });
}

/** Whether conditions hold, in words. */
export const inWords = (...held: readonly boolean[]): string =>
  held.map((each) => (each ? 'yes' : 'no')).join(', ');

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

/** The slope of log(quantity) against log(factor), by least squares. */
export function logSlope(points: readonly Point[]): number {
  const x = points.map(({ factor }) => Math.log(factor));
  const y = points.map((point) => Math.log(point.mean));
  const [mx, my] = [mean(x), mean(y)];
  const sum = (of: (i: number) => number): number => x.reduce((total, _, i) => total + of(i), 0);
  return (
    sum((i) => ((x[i] as number) - mx) * ((y[i] as number) - my)) /
    sum((i) => ((x[i] as number) - mx) ** 2)
  );
}
