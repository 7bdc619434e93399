/** The part of h5wasm, an optional peer, that this package uses. */
declare module 'h5wasm' {
  export interface Metadata {
    readonly shape: readonly number[] | null;
    readonly chunks: readonly number[] | null;
    /** Of one value, in bytes. */
    readonly size: number;
    readonly total_size: number;
    readonly type: number;
    readonly signed: boolean;
    readonly littleEndian: boolean;
    readonly vlen: boolean;
    readonly virtual_sources?: readonly unknown[];
  }

  /** Emscripten's object of an open file. */
  export interface Stream {
    stream_ops: { write?(stream: Stream, bytes: unknown, offset: number, length: number): number };
  }

  type Class = 'H5T_INTEGER' | 'H5T_FLOAT' | 'H5T_ENUM' | 'H5T_STRING';

  /** The functions of the library; those that return a status return a negative one for a failure. */
  export interface Module {
    readonly FS: {
      readonly streams: readonly (Stream | undefined)[];
      writeFile(path: string, bytes: Uint8Array): void;
      readFile(path: string): Uint8Array;
      unlink(path: string): void;
    };
    readonly H5T_class_t: Readonly<Record<Class, { readonly value: number }>>;
    readonly H5F_ACC_RDONLY: number;
    readonly H5G_GROUP: number;
    readonly H5G_DATASET: number;
    readonly HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    UTF8ToString(pointer: number): string;
    open(path: string, mode: number, trackOrder: boolean, low: number, high: number): bigint;
    close_file(file: bigint): number;
    get_names(file: bigint, path: string, recursive: boolean): string[];
    get_type(file: bigint, path: string): number;
    get_attribute_names(file: bigint, path: string): string[];
    get_attribute_metadata(file: bigint, path: string, name: string): Metadata;
    get_attribute_data(file: bigint, path: string, name: string, pointer: bigint): number;
    reclaim_vlen_memory(file: bigint, path: string, name: string, pointer: bigint): number;
    get_dataset_metadata(file: bigint, path: string): Metadata;
    get_dataset_data(
      file: bigint,
      path: string,
      count: null,
      offset: null,
      strides: null,
      pointer: bigint,
    ): number;
  }

  export class Group {
    get(name: string): Group | null;
    create_group(name: string): Group;
    create_dataset(args: {
      readonly name: string;
      readonly data: Float32Array | Int32Array | Uint8Array;
      readonly shape: readonly number[];
    }): unknown;
    create_attribute(name: string, data: string): void;
  }

  export class File extends Group {
    constructor(path: string, mode: 'w');
    close(): number;
  }

  export const ready: Promise<Module>;
}
