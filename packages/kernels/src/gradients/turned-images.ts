import {
  add,
  cast,
  div,
  equal,
  type GradConfig,
  image,
  mul,
  RotateWithOffset,
  type RotateWithOffsetAttrs,
  range,
  reshape,
  slice,
  sub,
  type Tensor,
  type Tensor4D,
  Transform,
  type TransformAttrs,
  tensor2d,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';
import { type Places, scatterBilinear, scatterNearest } from './scatter-pixels.ts';
import { inputsOf } from './tape.ts';

const transformGradient: GradConfig = {
  kernelName: Transform,
  inputsToSave: ['transforms'],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor4D;
    const [transforms] = saved as [Tensor];
    const shape = inputsOf(saved)['image']!.shape as Tensor4D['shape'];
    const { interpolation, fillMode } = attributes<TransformAttrs>(attrs);
    return {
      image: () => {
        if (fillMode !== 'constant')
          throw new Error(
            `tf.image.transform: a gradient is there for the fill mode 'constant'. Received '${fillMode}'.`,
          );
        const places = project(transforms, dy.shape[1], dy.shape[2]);
        if (interpolation === 'bilinear') return scatterBilinear(dy, places, shape);
        return scatterNearest(dy, places, shape);
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
  gradFunc: (dy, saved, attrs) => {
    const shape = inputsOf(saved)['image']!.shape as Tensor4D['shape'];
    const { radians, center } = attributes<RotateWithOffsetAttrs>(attrs);
    return {
      image: () => {
        const [, height, width] = shape;
        const [share, shareOfHeight] = typeof center === 'number' ? [center, center] : center;
        const [middle, middleRow] = [share * width, shareOfHeight * height];
        const x = reshape(sub(range(0, width), middle), [1, 1, width]);
        const y = reshape(sub(range(0, height), middleRow), [1, height, 1]);
        const [cosine, sine] = [Math.cos(radians), Math.sin(radians)];
        const columns = add(sub(mul(x, cosine), mul(y, sine)), middle);
        const rows = add(add(mul(x, sine), mul(y, cosine)), middleRow);
        return scatterNearest(dy as Tensor, { rows, columns }, shape);
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
