/** Power laws fitted to measurements, with their confidence intervals. */
import { mean } from '@tfjs-lrm/language-model';

/** 97.5 % quantiles of Student's t distribution for 1, 2, … degrees of freedom. */
const QUANTILES = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
] as const;

/** The 97.5 % quantile of Student's t distribution; that of the normal distribution from 31 degrees of freedom on. */
export const tQuantile = (degrees: number): number => QUANTILES[degrees - 1] ?? 1.96;

/** An exponent with its 95 % interval. */
export interface Exponent {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * p of y ∝ x^p through points [x, y], by least squares of the logarithms, with the 95 % interval of Student's t; as wide
 * as the points demand, NaN for fewer than three.
 */
export function fitExponent(points: readonly (readonly [number, number])[]): Exponent {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const [mx, my] = [mean(logs.map(([x]) => x)), mean(logs.map(([, y]) => y))];
  const sum = (of: (x: number, y: number) => number): number =>
    logs.reduce((total, [x, y]) => total + of(x - mx, y - my), 0);
  const squares = sum((x) => x * x);
  const value = sum((x, y) => x * y) / squares;
  const degrees = points.length - 2;
  const residual = sum((x, y) => (y - value * x) ** 2);
  const margin = tQuantile(degrees) * Math.sqrt(residual / degrees / squares);
  return { value, low: value - margin, high: value + margin };
}

/** Two decimals, without a sign of zero. */
const decimal = (value: number): string =>
  value
    .toFixed(2)
    .replace(/^-(?=0\.00$)/, '')
    .replace('-', '−');

/** −0.93 (−1.02 to −0.84). */
export const exponentText = ({ value, low, high }: Exponent): string =>
  `${decimal(value)} (${decimal(low)} to ${decimal(high)})`;
