/** Where a curve of losses over learning rates has its lowest point, more finely than the grid of rates. */

/** The index of the least loss; those that are not finite do not count. */
export const indexOfLeast = (losses: readonly number[]): number =>
  losses.reduce(
    (best, loss, i) => (!(loss >= (losses[best] as number)) && Number.isFinite(loss) ? i : best),
    losses.findIndex(Number.isFinite),
  );

/** How many points of the grid the parabola has on either side of the least. */
const SIDE = 2;

/**
 * The rate at the lowest point of the parabola that fits log loss over log rate best, around the least loss of the grid.
 * NaN where the least is at the edge of the grid, or the curve has no lowest point there.
 */
export function lowestRate(rates: readonly number[], losses: readonly number[]): number {
  const best = indexOfLeast(losses);
  const center = Math.log2(rates[best] as number);
  const points = rates.flatMap((rate, i) => {
    const loss = losses[i] as number;
    const isNear = Math.abs(i - best) <= SIDE && Number.isFinite(loss);
    return isNear ? [{ x: Math.log2(rate) - center, y: Math.log2(loss) }] : [];
  });
  const isInside = points.some(({ x }) => x < 0) && points.some(({ x }) => x > 0);
  if (!isInside) return Number.NaN;
  const { slope, bend } = parabola(points);
  return bend > 0 ? 2 ** (center - slope / (2 * bend)) : Number.NaN;
}

/** y ≈ level + slope · x + bend · x², by least squares. */
function parabola(points: readonly { x: number; y: number }[]): { slope: number; bend: number } {
  const sum = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((total, point) => total + of(point), 0) / points.length;
  const [m1, m2, m3, m4] = [1, 2, 3, 4].map((power) => sum(({ x }) => x ** power)) as [
    number,
    number,
    number,
    number,
  ];
  const y0 = sum(({ y }) => y);
  const [y1, y2] = [sum(({ x, y }) => x * y) - m1 * y0, sum(({ x, y }) => x * x * y) - m2 * y0];
  const [a, b, c] = [m2 - m1 * m1, m3 - m1 * m2, m4 - m2 * m2];
  const determinant = a * c - b * b;
  return { slope: (c * y1 - b * y2) / determinant, bend: (a * y2 - b * y1) / determinant };
}
