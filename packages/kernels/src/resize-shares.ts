import type { ResizeNearestNeighborAttrs } from '@tensorflow/tfjs-core';

/** The elements that each result along one axis is made of, with their shares. */
export type Shares = readonly (readonly (readonly [element: number, share: number])[])[];

/** How a resize computes one axis. */
export type SharesOf = (size: number, count: number, attrs: ResizeNearestNeighborAttrs) => Shares;

/** The position of the o-th result among the elements. */
function positions(
  size: number,
  count: number,
  attrs: ResizeNearestNeighborAttrs,
  half: number,
): number[] {
  const { alignCorners, halfPixelCenters } = attrs;
  const isAligned = alignCorners && count > 1;
  const ratio = isAligned ? (size - 1) / (count - 1) : size / count;
  return Array.from({ length: count }, (_, o) =>
    halfPixelCenters ? ratio * (o + 0.5) - half : ratio * o,
  );
}

export const bilinear: SharesOf = (size, count, attrs) =>
  positions(size, count, attrs, 0.5).map((position) => {
    const below = Math.max(0, Math.floor(position));
    const above = Math.min(size - 1, Math.ceil(position));
    const share = position - below;
    if (below === above || share === 0) return [[below, 1]];
    return [
      [below, 1 - share],
      [above, share],
    ];
  });

export const nearest: SharesOf = (size, count, attrs) =>
  positions(size, count, attrs, 0).map((position) => {
    const at = attrs.alignCorners ? Math.round(position) : Math.floor(position);
    return [[Math.min(size - 1, Math.max(0, at)), 1]];
  });
