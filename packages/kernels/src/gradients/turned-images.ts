import {
  add,
  cast,
  clipByValue,
  div,
  equal,
  floor,
  type GradConfig,
  greaterEqual,
  image,
  lessEqual,
  logicalAnd,
  mul,
  RotateWithOffset,
  type RotateWithOffsetAttrs,
  range,
  reshape,
  slice,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  Transform,
  type TransformAttrs,
  tensor2d,
  unsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';

/** The position that each pixel of the result was read from: [batch or 1, height, width], in pixels of the image. */
interface Places {
  readonly rows: Tensor;
  readonly columns: Tensor;
}

type Shape = readonly [batch: number, height: number, width: number, channels: number];

/** Returns what was read at `places`, times `share`, to those places; pixels outside were filled in and get nothing. */
function scatter(
  dy: Tensor,
  { rows, columns }: Places,
  share: Tensor | null,
  shape: Shape,
): Tensor {
  const [batch, height, width, channels] = shape;
  const inside = (places: Tensor, size: number): Tensor =>
    logicalAnd(greaterEqual(places, 0), lessEqual(places, size - 1));
  const isInside = cast(logicalAnd(inside(rows, height), inside(columns, width)), 'float32');
  const weights = share === null ? isInside : mul(isInside, share);
  const starts = reshape(mul(range(0, batch), height * width), [batch, 1, 1]);
  const row = mul(clipByValue(rows, 0, height - 1), width);
  const places = add(add(row, clipByValue(columns, 0, width - 1)), starts);
  const weighted = mul(dy, reshape(weights, [...weights.shape, 1]));
  const ids = cast(reshape(places, [places.size]), 'int32') as Tensor1D;
  const flat = reshape(weighted, [places.size, channels]);
  return reshape(unsortedSegmentSum(flat, ids, batch * height * width), [...shape]);
}

const half = (places: Tensor): Tensor => floor(add(places, 0.5));

/** The four pixels around each position, each with its share. */
function scatterBilinear(dy: Tensor, { rows, columns }: Places, shape: Shape): Tensor {
  const [top, left] = [floor(rows), floor(columns)];
  const [down, right] = [sub(rows, top), sub(columns, left)];
  const sum = [0, 1].flatMap((i) =>
    [0, 1].map((j) => {
      const share = mul(i === 0 ? sub(1, down) : down, j === 0 ? sub(1, right) : right);
      return scatter(dy, { rows: add(top, i), columns: add(left, j) }, share, shape);
    }),
  );
  return sum.reduce((total, part) => add(total, part));
}

const transformGradient: GradConfig = {
  kernelName: Transform,
  inputsToSave: ['image', 'transforms'],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor4D;
    const [source, transforms] = saved as [Tensor4D, Tensor];
    const { interpolation, fillMode } = attributes<TransformAttrs>(attrs);
    return {
      image: () => {
        if (fillMode !== 'constant')
          throw new Error(
            `tf.image.transform: a gradient is there for the fill mode 'constant'. Received '${fillMode}'.`,
          );
        const places = project(transforms, dy.shape[1], dy.shape[2]);
        if (interpolation === 'bilinear') return scatterBilinear(dy, places, source.shape);
        const nearest = { rows: half(places.rows), columns: half(places.columns) };
        return scatter(dy, nearest, null, source.shape);
      },
    };
  },
};

/** (x, y) ↦ (a·x + b·y + c, d·x + e·y + f) / (g·x + h·y + 1), for [a … h] of each image or of all images. */
function project(transforms: Tensor, height: number, width: number): Places {
  const count = transforms.shape[0]!;
  const entry = (i: number): Tensor =>
    reshape(slice(transforms, [0, i], [count, 1]), [count, 1, 1]);
  const [x, y] = [
    reshape(range(0, width), [1, 1, width]),
    reshape(range(0, height), [1, height, 1]),
  ];
  const linear = (i: number): Tensor => add(mul(entry(i), x), mul(entry(i + 1), y));
  const scale = add(linear(6), 1);
  // Far outside where the projection is infinite.
  const below = add(scale, cast(equal(scale, 0), 'float32'));
  const far = mul(cast(equal(scale, 0), 'float32'), -1e6);
  const at = (i: number): Tensor => add(div(add(linear(i), entry(i + 2)), below), far);
  return { rows: at(3), columns: at(0) };
}

const rotateGradient: GradConfig = {
  kernelName: RotateWithOffset,
  inputsToSave: ['image'],
  gradFunc: (dy, saved, attrs) => {
    const [source] = saved as [Tensor4D];
    const { radians, center } = attributes<RotateWithOffsetAttrs>(attrs);
    return {
      image: () => {
        const [, height, width] = source.shape;
        const [share, shareOfHeight] = typeof center === 'number' ? [center, center] : center;
        const [middle, middleRow] = [share * width, shareOfHeight * height];
        const x = reshape(sub(range(0, width), middle), [1, 1, width]);
        const y = reshape(sub(range(0, height), middleRow), [1, height, 1]);
        const [cosine, sine] = [Math.cos(radians), Math.sin(radians)];
        const columns = add(sub(mul(x, cosine), mul(y, sine)), middle);
        const rows = add(add(mul(x, sine), mul(y, cosine)), middleRow);
        const places = { rows: half(rows), columns: half(columns) };
        return scatter(dy as Tensor, places, null, source.shape);
      },
    };
  },
};

/** Of the two pixels in a row, the second moves to the first position. */
const shift = [1, 0, 1, 0, 1, 0, 0, 0];

/** Gradients of `tf.image.transform` and `rotateWithOffset`, which tfjs lacks. */
export const turnedImageGradients: readonly Gradient[] = [
  {
    gradient: transformGradient,
    example: {
      of: (x) => image.transform(reshape(x, [1, 1, 2, 1]), tensor2d(shift, [1, 8])),
      at: [1, 2],
      expected: [0, 1],
    },
  },
  {
    gradient: rotateGradient,
    example: {
      of: (x) => image.rotateWithOffset(reshape(x, [1, 1, 2, 1]), 0),
      at: [1, 2],
      expected: [1, 1],
    },
  },
];
