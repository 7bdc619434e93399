/**
 * The exponent p of y ∝ x^p that fits best: the least-squares slope of log y over log x.
 *
 * @returns NaN where an y is not above 0
 */
export function slopeOf(xs: readonly number[], ys: readonly number[]): number {
  const [u, v] = [xs.map(Math.log), ys.map((y) => (y > 0 ? Math.log(y) : Number.NaN))];
  const mean = (of: readonly number[]): number =>
    of.reduce((sum, each) => sum + each, 0) / of.length;
  const [uMean, vMean] = [mean(u), mean(v)];
  const covariance = mean(u.map((each, i) => (each - uMean) * ((v[i] as number) - vMean)));
  return covariance / mean(u.map((each) => (each - uMean) ** 2));
}
