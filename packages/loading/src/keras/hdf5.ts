/** Reads HDF5 files that may be damaged or hostile, in the memory of h5wasm, where no other file can be reached. */
import { preview } from '../load-error.ts';
import { hdf5Library, type Metadata, type Module, quietly } from './hdf5-library.ts';

export type Values = Float32Array | Int32Array | Uint8Array;

export interface Hdf5 {
  /** The paths of all datasets, without a slash at the beginning. */
  readonly datasets: ReadonlySet<string>;
  /** The paths of all groups; that of the root is empty. */
  readonly groups: ReadonlySet<string>;
  /** An attribute of text, or a list of texts; null where there is none. */
  texts(group: string, name: string): readonly string[] | null;
  /** The metadata and values of a dataset. */
  read(path: string): { readonly shape: readonly number[]; readonly values: Values };
}

const DEEPEST = 64;
/** An object takes more bytes than this, so a file with more of them has loops. */
const SMALLEST_OBJECT = 16;
/** Of compressed datasets; Keras does not compress. */
const MOST_EXPANSION = 100;
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

const AGAIN = 'Save the model again, or check that it was copied whole.';

export const refusal = (must: string, received: string): RangeError =>
  new RangeError(`loadModel: the HDF5 file must ${must}. Received ${received}. ${AGAIN}`);

/** Whether a file begins as an HDF5 file does. */
export const isHdf5 = (bytes: Uint8Array): boolean =>
  SIGNATURE.every((byte, i) => bytes[i] === byte);

/** What a function of the library returns; it throws an error without a reason where the file is damaged. */
function attempt<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch {
    throw refusal(`be readable at ${what}`, 'damaged data');
  }
}

/** An open file. Declared sizes are limited by the size of the file, before anything is allocated for them. */
class OpenFile implements Hdf5 {
  readonly groups: Set<string> = new Set();
  readonly datasets: Set<string> = new Set();
  readonly #module: Module;
  readonly #file: bigint;
  readonly #size: number;
  #plain = 0;
  #expanded = 0;

  constructor(module: Module, file: bigint, size: number) {
    this.#module = module;
    this.#file = file;
    this.#size = size;
    this.#visit('', 0);
  }

  /** Notes the objects in a group. Links to other places are rejected, and so are groups that contain themselves. */
  #visit(path: string, depth: number): void {
    const { H5G_GROUP, H5G_DATASET } = this.#module;
    if (depth > DEEPEST) throw refusal(`be at most ${DEEPEST} groups deep`, preview(path));
    this.groups.add(path);
    const names = attempt(`group ${preview(path)}`, () =>
      this.#module.get_names(this.#file, `/${path}`, false),
    );
    for (const name of names) {
      const child = path === '' ? name : `${path}/${name}`;
      const type = attempt(preview(child), () => this.#module.get_type(this.#file, `/${child}`));
      if (type === H5G_GROUP) this.#visit(child, depth + 1);
      else if (type === H5G_DATASET) this.datasets.add(child);
      else throw refusal('hold groups and datasets alone', `a link or the like, ${preview(child)}`);
      const most = this.#size / SMALLEST_OBJECT;
      if (this.groups.size + this.datasets.size > most) {
        throw refusal('have groups that do not contain themselves', `more than ${most} objects`);
      }
    }
  }

  /** Rejects data that lies in other files, and more than the file can hold. */
  #spend(what: string, metadata: Metadata): void {
    const { shape, chunks, size, total_size: count, virtual_sources: sources } = metadata;
    if (sources !== undefined) throw refusal(`hold the data of ${what}`, 'a virtual dataset');
    if (chunks === null) this.#plain += size * count;
    else
      this.#expanded +=
        size *
        Math.max(
          count,
          chunks.reduce((product, each) => product * each, 1),
        );
    if (this.#plain <= this.#size && this.#expanded <= MOST_EXPANSION * this.#size) return;
    throw refusal(
      `hold the data of ${what}`,
      `${this.#size} bytes, of which it declares ${size * count}, for the shape [${shape}]`,
    );
  }

  /** A copy of the bytes that `fill` writes. */
  #bytes(what: string, length: number, fill: (pointer: bigint) => number): Uint8Array<ArrayBuffer> {
    const module = this.#module;
    const pointer = module._malloc(length);
    if (pointer === 0) throw refusal(`fit into memory with ${what}`, `${length} bytes`);
    try {
      const status = attempt(what, () => fill(BigInt(pointer)));
      if (status < 0) throw refusal(`be readable at ${what}`, 'damaged data');
      return module.HEAPU8.slice(pointer, pointer + length);
    } finally {
      module._free(pointer);
    }
  }

  texts(group: string, name: string): readonly string[] | null {
    const module = this.#module;
    const [file, path, what] = [this.#file, `/${group}`, `attribute ${preview(name)}`];
    if (!attempt(what, () => module.get_attribute_names(file, path)).includes(name)) return null;
    const metadata = attempt(what, () => module.get_attribute_metadata(file, path, name));
    const { type, size, total_size: count, vlen } = metadata;
    // An empty list has a type of numbers.
    if (count === 0) return [];
    if (type !== module.H5T_class_t.H5T_STRING.value) {
      throw refusal(`have text in its ${what}`, `HDF5 type ${type}`);
    }
    this.#spend(what, metadata);
    const decoder = new TextDecoder();
    const texts: string[] = [];
    this.#bytes(what, size * count, (pointer) => {
      const status = module.get_attribute_data(file, path, name, pointer);
      if (status < 0) return status;
      for (let i = 0; i < count; i++) {
        const at = Number(pointer) + i * size;
        if (vlen) {
          texts.push(module.UTF8ToString(new DataView(module.HEAPU8.buffer).getUint32(at, true)));
          continue;
        }
        const bytes = module.HEAPU8.slice(at, at + size);
        const end = bytes.indexOf(0);
        texts.push(decoder.decode(end < 0 ? bytes : bytes.subarray(0, end)));
      }
      return vlen ? module.reclaim_vlen_memory(file, path, name, pointer) : status;
    });
    return texts;
  }

  read(path: string): { readonly shape: readonly number[]; readonly values: Values } {
    const module = this.#module;
    const what = preview(path);
    const metadata = attempt(what, () => module.get_dataset_metadata(this.#file, `/${path}`));
    const { shape, size, total_size: count } = metadata;
    if (shape === null) throw refusal(`have values in ${what}`, 'none');
    const toValues = this.#reader(what, metadata);
    this.#spend(what, metadata);
    const bytes = this.#bytes(what, size * count, (pointer) =>
      module.get_dataset_data(this.#file, `/${path}`, null, null, null, pointer),
    );
    return { shape, values: toValues(bytes.buffer) };
  }

  /** How the bytes of a dataset become the values that tfjs takes. */
  #reader(what: string, metadata: Metadata): (bytes: ArrayBuffer) => Values {
    const { type, size, signed, littleEndian } = metadata;
    const { H5T_FLOAT, H5T_INTEGER, H5T_ENUM } = this.#module.H5T_class_t;
    if (littleEndian) {
      if (type === H5T_FLOAT.value && size === 4) return (bytes) => new Float32Array(bytes);
      if (type === H5T_FLOAT.value && size === 8) {
        return (bytes) => Float32Array.from(new Float64Array(bytes));
      }
      if (type === H5T_INTEGER.value && size === 4) return (bytes) => new Int32Array(bytes);
      if (type === H5T_INTEGER.value && size === 8) {
        return (bytes) => Int32Array.from(new BigInt64Array(bytes), Number);
      }
      if (size === 1 && !signed && [H5T_INTEGER.value, H5T_ENUM.value].includes(type)) {
        return (bytes) => new Uint8Array(bytes);
      }
    }
    const order = littleEndian ? '' : ', the most significant byte first';
    throw refusal(
      `have float32, float64, int32, int64 or bool in ${what}`,
      `values of HDF5 type ${type} and ${size} bytes${order}`,
    );
  }
}

let count = 0;

/**
 * What `use` returns for an HDF5 file. The file is closed and removed from memory afterwards.
 *
 * @throws RangeError for a file that is damaged, has links, or declares more data than it can hold
 */
export async function withHdf5<T>(bytes: Uint8Array, use: (file: Hdf5) => T): Promise<T> {
  const { module } = await hdf5Library();
  const path = `/tfjs-lrm-${++count}.h5`;
  module.FS.writeFile(path, bytes);
  return quietly(module, () => {
    let file = 0n;
    try {
      file = attempt('its beginning', () =>
        module.open(path, module.H5F_ACC_RDONLY, false, -1, -1),
      );
      if (file <= 0n) throw refusal('be a whole HDF5 file', `${bytes.length} bytes that are not`);
      return use(new OpenFile(module, file, bytes.length));
    } finally {
      if (file > 0n) module.close_file(file);
      module.FS.unlink(path);
    }
  });
}
