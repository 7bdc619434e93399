/**
 * Where checkpoints are kept: numbered byte strings. `folderStore` keeps them as files, `indexedDBStore` in a browser;
 * a store of your own, in the cloud say, is an object with these four functions.
 */
export interface CheckpointStore {
  /** What error messages call the store: a path or an address. */
  readonly name: string;
  /** The numbers of all checkpoints here, ascending; empty where there is no store yet. */
  list(): readonly number[] | Promise<readonly number[]>;
  /** The bytes of a checkpoint, damaged ones as they are. */
  read(number: number): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  /** Keeps the parts, one after the other, as a checkpoint: as a whole or, when it throws, not at all. */
  write(number: number, parts: readonly Uint8Array[]): void | Promise<void>;
  /** Removes a checkpoint. */
  remove(number: number): void | Promise<void>;
}
