/**
 * Where checkpoints are kept: numbered byte strings. `folderStore` keeps them as files, `indexedDBStore` in a browser;
 * your own store, say in the cloud, is an object with these four functions.
 */
export interface CheckpointStore {
  /** What error messages call the store: a path or an address. */
  readonly name: string;
  /** The numbers of all checkpoints in the store, ascending; empty where the store does not exist yet. */
  list(): readonly number[] | Promise<readonly number[]>;
  /** The bytes of a checkpoint; those of a damaged one are returned as they are. */
  read(number: number): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  /** Stores the parts, one after the other, as one checkpoint: completely or, when it throws, not at all. */
  write(number: number, parts: readonly Uint8Array[]): void | Promise<void>;
  /** Removes a checkpoint. */
  remove(number: number): void | Promise<void>;
}
