import {
  add,
  cast,
  clipByValue,
  concat,
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

/** Where positions are within an image of this size. */
export const isWithin = ({ rows, columns }: Places, height: number, width: number): Tensor => {
  const inside = (places: Tensor, size: number): Tensor =>
    logicalAnd(greaterEqual(places, 0), lessEqual(places, size - 1));
  return logicalAnd(inside(rows, height), inside(columns, width));
};

/** Pixels that each pixel of the result was read from, with the share that each has in it; all of it where there is none. */
interface Part extends Places {
  readonly share?: Tensor;
}

/**
 * Returns what was read back to where it was read, in the shares of all parts; pixels outside were filled in and get
 * nothing.
 *
 * @param images which image of the batch each of dy was read from
 */
function scatter(
  dy: Tensor,
  parts: readonly Part[],
  shape: Tensor4D['shape'],
  images: Tensor = range(0, shape[0], 1, 'int32'),
): Tensor {
  const [batch, height, width, channels] = shape;
  // In integers: a batch may have more pixels than float32 counts.
  const starts = reshape(mul(images, tensor(height * width, [], 'int32')), [images.size, 1, 1]);
  const scattered = parts.map(({ rows, columns, share }) => {
    const isInside = cast(isWithin({ rows, columns }, height, width), 'float32');
    const weights = share === undefined ? isInside : mul(isInside, share);
    const row = mul(clipByValue(rows, 0, height - 1), width);
    const inImage = cast(add(row, clipByValue(columns, 0, width - 1)), 'int32');
    const places = add(inImage, starts);
    const weighted = mul(dy, reshape(weights, [...weights.shape, 1]));
    return {
      ids: reshape(places, [places.size]) as Tensor1D,
      pixels: reshape(weighted, [places.size, channels]),
    };
  });
  // One sum over all parts, because each writes all images.
  const all = <T extends Tensor>(tensors: T[]): T =>
    tensors.length === 1 ? tensors[0]! : concat(tensors);
  const pixels = all(scattered.map(({ pixels }) => pixels));
  const ids = all(scattered.map(({ ids }) => ids));
  return reshape(unsortedSegmentSum(pixels, ids, batch * height * width), shape);
}

const round = (places: Tensor): Tensor => floor(add(places, 0.5));

/** To the pixel that is nearest to each position. */
export const scatterNearest = (
  dy: Tensor,
  { rows, columns }: Places,
  shape: Tensor4D['shape'],
  images?: Tensor,
): Tensor => scatter(dy, [{ rows: round(rows), columns: round(columns) }], shape, images);

/** To the four pixels around each position, in their shares. */
export function scatterBilinear(
  dy: Tensor,
  { rows, columns }: Places,
  shape: Tensor4D['shape'],
  images?: Tensor,
): Tensor {
  const [top, left] = [floor(rows), floor(columns)];
  const [down, right] = [sub(rows, top), sub(columns, left)];
  const parts = [0, 1].flatMap((i) =>
    [0, 1].map((j) => ({
      rows: add(top, i),
      columns: add(left, j),
      share: mul(i === 0 ? sub(1, down) : down, j === 0 ? sub(1, right) : right),
    })),
  );
  return scatter(dy, parts, shape, images);
}
