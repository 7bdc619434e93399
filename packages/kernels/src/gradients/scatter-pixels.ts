import {
  add,
  cast,
  clipByValue,
  floor,
  greaterEqual,
  lessEqual,
  logicalAnd,
  mul,
  range,
  reshape,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tensor,
  unsortedSegmentSum,
} from '@tensorflow/tfjs-core';

/** The position that each pixel of the result was read from: [batch or 1, height, width], in pixels of the image. */
export interface Places {
  readonly rows: Tensor;
  readonly columns: Tensor;
}

/**
 * Returns what was read at `places`, times `share`, to those places; pixels outside were filled in and get nothing.
 *
 * @param images which image of the batch each of dy was read from
 */
export function scatterPixels(
  dy: Tensor,
  { rows, columns }: Places,
  share: Tensor | null,
  shape: Tensor4D['shape'],
  images: Tensor = range(0, shape[0], 1, 'int32'),
): Tensor {
  const [batch, height, width, channels] = shape;
  const inside = (places: Tensor, size: number): Tensor =>
    logicalAnd(greaterEqual(places, 0), lessEqual(places, size - 1));
  const isInside = cast(logicalAnd(inside(rows, height), inside(columns, width)), 'float32');
  const weights = share === null ? isInside : mul(isInside, share);
  const row = mul(clipByValue(rows, 0, height - 1), width);
  const inImage = cast(add(row, clipByValue(columns, 0, width - 1)), 'int32');
  // In integers: a batch may have more pixels than float32 counts.
  const starts = mul(images, tensor(height * width, [], 'int32'));
  const places = add(inImage, reshape(starts, [images.size, 1, 1]));
  const weighted = mul(dy, reshape(weights, [...weights.shape, 1]));
  const ids = reshape(places, [places.size]) as Tensor1D;
  const flat = reshape(weighted, [places.size, channels]);
  return reshape(unsortedSegmentSum(flat, ids, batch * height * width), shape);
}

export const nearestPixel = (places: Tensor): Tensor => floor(add(places, 0.5));

/** The four pixels around each position, each with its share. */
export function scatterBilinear(
  dy: Tensor,
  { rows, columns }: Places,
  shape: Tensor4D['shape'],
  images?: Tensor,
): Tensor {
  const [top, left] = [floor(rows), floor(columns)];
  const [down, right] = [sub(rows, top), sub(columns, left)];
  const sum = [0, 1].flatMap((i) =>
    [0, 1].map((j) => {
      const share = mul(i === 0 ? sub(1, down) : down, j === 0 ? sub(1, right) : right);
      return scatterPixels(dy, { rows: add(top, i), columns: add(left, j) }, share, shape, images);
    }),
  );
  return sum.reduce((total, part) => add(total, part));
}
