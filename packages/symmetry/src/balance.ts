import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Orbit } from './symmetry.ts';

/** The sums of squares of an orbit: for each of its slices, one sum for each scale. */
export type Sums = readonly (ArrayLike<number> | undefined)[];

/**
 * The distance t of each scale of an orbit from its balanced point, in nats: scaling by e^t brings it there. With S₊
 * and S₋ the sums of squares of the weights that are multiplied and divided by the scale,
 *
 *   t = ¼ · log(S₋ / S₊),
 *
 * the point with the least sum of squares on the orbit, where S₊ = S₋. A normalisation has one side; it is balanced
 * where the columns of the kernels that write have a mean squared norm of 1: t = −½ · log(S₊ / columns). A scale
 * with a side of zeros has no balanced point; its distance is 0.
 *
 * @param sums undefined for slices of weights that are not trained, which do not count
 */
export function distances({ kind, scales, slices }: Orbit, sums: Sums): Float64Array {
  const [plus, minus] = [new Float64Array(scales), new Float64Array(scales)];
  const count = new Float64Array(scales);
  let largest = 0;
  let smallest = 0;
  slices.forEach(({ weight, index, exponent }, side) => {
    const values = sums[side];
    if (values === undefined || (kind === 'normalisation' && weight.shape.length < 2)) return;
    largest = Math.max(largest, exponent);
    smallest = Math.min(smallest, exponent);
    const to = exponent > 0 ? plus : minus;
    for (let i = 0; i < scales; i++)
      to[i] = (to[i] as number) + Math.abs(exponent) * (values[i] as number);
    for (const i of index) if (i >= 0) count[i] = (count[i] as number) + 1;
  });
  return plus.map((sum, i) => {
    const other = kind === 'normalisation' ? (count[i] as number) : (minus[i] as number);
    if (!(sum > 0 && other > 0)) return 0;
    return Math.log(other / sum) / (2 * (largest - smallest));
  });
}

/** The scale of each element of a weight, or −1 for an element that does not move. */
export function scaleOfElements(
  weight: LayerVariable,
  axes: readonly number[],
  index: Int32Array,
): Int32Array {
  let positions = [0];
  weight.shape.forEach((size, axis) => {
    const isAlong = axes.includes(axis);
    positions = positions.flatMap((position) =>
      Array.from({ length: size as number }, (_, i) =>
        isAlong ? position * (size as number) + i : position,
      ),
    );
  });
  return Int32Array.from(positions, (position) => index[position] as number);
}

/** The sum of the values of each scale. */
export function sumsByScale(
  index: Int32Array,
  values: ArrayLike<number>,
  scales: number,
): Float64Array {
  const sums = new Float64Array(scales);
  index.forEach((scale, i) => {
    if (scale >= 0) sums[scale] = (sums[scale] as number) + (values[i] as number);
  });
  return sums;
}
