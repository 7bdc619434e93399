import { type NamedAttrMap, type StridedSliceAttrs, slice_util } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';

/** Where each axis of a strided slice begins and ends, with all masks resolved. */
export function stridedSliceInfo(
  shape: number[],
  attrs: NamedAttrMap | undefined,
): ReturnType<typeof slice_util.sliceInfo> {
  const a = attributes<StridedSliceAttrs>(attrs);
  return slice_util.sliceInfo(
    shape,
    a.begin,
    a.end,
    a.strides,
    a.beginMask,
    a.endMask,
    a.ellipsisMask,
    a.newAxisMask,
    a.shrinkAxisMask,
  );
}
