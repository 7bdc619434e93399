/** Checks saved weights against their data and against the model that they are for. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { nearest } from '@tfjs-lrm/core/kit';
import type { Assignment } from './assignment.ts';
import { crc32 } from './keras/crc32.ts';
import { preview } from './load-error.ts';

type Spec = tf.io.WeightsManifestEntry;

const QUANTIZED = { uint8: 1, uint16: 2, float16: 2 } as const;
const KEPT = ['float32', 'int32', 'bool'];

export const sizeOf = ({ shape }: Spec): number => tf.util.sizeFromShape(shape);

/** Optimizers save their state under this group. */
export const isSlot = ({ group }: Spec): boolean => group === 'optimizer';

function checkQuantization(what: string, spec: Spec): void {
  const { dtype, scale, min } = (spec.quantization ?? {}) as Partial<
    NonNullable<Spec['quantization']>
  >;
  const isKnown = typeof dtype === 'string' && Object.hasOwn(QUANTIZED, dtype);
  const isExact = Number.isFinite(scale) && Number.isFinite(min);
  const fits = dtype === 'float16' ? spec.dtype === 'float32' : isExact && spec.dtype !== 'bool';
  if (isKnown && fits) return;
  throw new RangeError(
    `loadModel: the quantization of ${what} must be { dtype: 'uint8' or 'uint16', scale, min }, or { dtype: 'float16' } for float32. Received ${preview(spec.quantization)} for ${spec.dtype}. Compare it with the file as it was saved.`,
  );
}

/** An entry of the manifest; ours have the checksum of their bytes, which other programs ignore. */
export type SummedSpec = Spec & { readonly crc32?: number };

/** Checks each weight that has a checksum against the data. */
function checkSums(
  specs: readonly SummedSpec[],
  sizes: readonly number[],
  data: ArrayBuffer[],
): void {
  const bytes = new tf.io.CompositeArrayBuffer(data);
  let start = 0;
  specs.forEach(({ name, crc32: sum }, i) => {
    const end = start + (sizes[i] as number);
    if (sum !== undefined && crc32(new Uint8Array(bytes.slice(start, end))) !== sum) {
      throw new RangeError(
        `loadModel: weight "${name}" must have the checksum that was saved with it. Received other values: a file of the weights was changed, or exchanged with another. Fetch or copy the files again.`,
      );
    }
    start = end;
  });
}

/** Checks one entry of the manifest and returns its number of bytes. */
function bytesOf(spec: unknown, index: number, taken: Set<string>): number {
  const { name, shape, dtype } = (spec ?? {}) as Partial<Spec>;
  const isName = typeof name === 'string' && !(name in {});
  const isShape =
    Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0);
  if (!isName || !isShape || !KEPT.includes(dtype as string)) {
    throw new TypeError(
      `loadModel: weight ${index + 1} of the manifest must be { name, shape, dtype }, its dtype one of ${KEPT.join(', ')}. Received ${preview(spec)}. Compare it with the file as it was saved.`,
    );
  }
  if (taken.has(name)) {
    throw new RangeError(
      `loadModel: each weight must be in the manifest once. Received "${name}" twice. Compare the names with the file as it was saved.`,
    );
  }
  taken.add(name);
  const { quantization, crc32: sum = 0 } = spec as SummedSpec;
  if (!Number.isInteger(sum) || sum < 0 || sum >= 2 ** 32) {
    throw new RangeError(
      `loadModel: "crc32" of weight "${name}" must be a whole number below 2^32. Received ${preview(sum)}. Compare it with the file as it was saved.`,
    );
  }
  if (!('quantization' in (spec as Spec))) {
    return sizeOf(spec as Spec) * tf.util.bytesPerElement(dtype as tf.DataType);
  }
  checkQuantization(`weight "${name}"`, spec as Spec);
  return sizeOf(spec as Spec) * QUANTIZED[(quantization as { dtype: 'uint8' }).dtype];
}

/**
 * Checks the entries of the manifest, and that they describe the data to the last byte; and the data against the checksums
 * of those that have one.
 *
 * @param strict false where there may be data beyond what is described
 * @throws TypeError for malformed entries; RangeError for too little or too much data, a name used twice, and values
 *   that do not have their checksum
 */
export function checkSpecs(
  specs: unknown,
  buffers: ArrayBuffer[],
  strict: boolean,
): asserts specs is Spec[] {
  if (!Array.isArray(specs)) {
    throw new TypeError(
      `loadModel: weightSpecs must be a list of { name, shape, dtype }, one for each weight in the data. Received ${preview(specs)}.`,
    );
  }
  const available = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const taken = new Set<string>();
  let needed = 0;
  let cut: string | null = null;
  const sizes = specs.map((spec: Spec, i) => {
    const size = bytesOf(spec, i, taken);
    needed += size;
    if (needed > available) cut ??= spec.name;
    return size;
  });
  if (cut !== null) {
    throw new RangeError(
      `loadModel: the weights need ${needed} bytes. Received ${available}, which end within weight "${cut}" or before it. Fetch or copy the files of the weights again.`,
    );
  }
  if (needed < available && strict) {
    throw new RangeError(
      `loadModel: the weights need ${needed} bytes. Received ${available}: some are described by no entry of the manifest. Try { strict: false } to leave them out.`,
    );
  }
  checkSums(specs, sizes, buffers);
}

const layerNameOf = ({ originalName }: LayerVariable): string =>
  originalName.replace(/\/[^/]+$/, '');

/**
 * Checks that a file holds a value of the right shape for each weight of a model, and no other values.
 *
 * @param assigned the entries of the manifest, each with the weight that it is for
 * @param keyOf the name of a weight in such a file
 * @param strict false where weights may be missing or superfluous
 * @throws RangeError naming the weight
 */
export function checkNeeds(
  model: LayersModel,
  { assigned, keyOf }: Assignment,
  strict: boolean,
): void {
  /** A name in the file, and that in the model where it is another. */
  const both = (key: string, weight: LayerVariable): string =>
    key === weight.originalName ? `"${key}"` : `"${key}" ("${weight.originalName}" in the model)`;
  const missing = new Set(model.weights);
  for (const { target } of assigned) if (target !== undefined) missing.delete(target);
  for (const { spec, target, layer } of assigned) {
    const { name, shape, dtype } = spec;
    if (target === undefined) {
      if (!strict) continue;
      const others = missing.size > 0 ? [...missing] : model.weights;
      const hint =
        layer === undefined
          ? nearest(name, others.map(keyOf))
          : nearest(layer, others.map(layerNameOf));
      throw new RangeError(
        `loadModel: the file holds values for "${name}"${layer === undefined ? '' : ` of layer "${layer}"`}, and the model has no such weight. ${hint === null ? '' : `Did you mean "${hint}"? `}Try { strict: false } to leave them out.`,
      );
    }
    if (String(shape) !== String(target.shape) || dtype !== target.read().dtype) {
      throw new RangeError(
        `loadModel: weight ${both(name, target)} must be ${target.read().dtype} of shape [${target.shape}]. Received ${dtype} of shape [${shape}]. Compare the sizes of its layer and its entry in the manifest.`,
      );
    }
  }
  const [first] = missing;
  if (first === undefined || !strict) return;
  const more = missing.size > 1 ? ` and ${missing.size - 1} more` : '';
  throw new RangeError(
    `loadModel: the file must hold values for every weight. Received none for ${both(keyOf(first), first)} of shape [${first.shape}]${more}. Try { strict: false } to leave them as they start.`,
  );
}
