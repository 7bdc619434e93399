/** What the page and the worker that stores say to each other. */
import type { Checkpoint } from '@tfjs-lrm/language-model';

/** A checkpoint with the log that goes with it. */
export interface Stored {
  readonly checkpoint: Checkpoint;
  readonly log: readonly Uint8Array[];
}

/** Each request with what it is answered with. */
export interface Requests {
  readonly save: { readonly given: Stored; readonly answer: null };
  /** The latest checkpoint that is whole; null where there is none. */
  readonly load: { readonly given: null; readonly answer: Stored | null };
  /** The text that a comparison learns, where it is a file. */
  readonly saveText: { readonly given: Uint8Array; readonly answer: null };
  readonly loadText: { readonly given: null; readonly answer: Uint8Array | null };
  /** Removes everything that is stored. */
  readonly forget: { readonly given: null; readonly answer: null };
}

export type RequestName = keyof Requests;

export interface Request<Name extends RequestName = RequestName> {
  readonly id: number;
  readonly name: Name;
  readonly given: Requests[Name]['given'];
}

/** `error` is the name of the browser's error, such as `QuotaExceededError`. */
export type Answer =
  | { readonly id: number; readonly value: Requests[RequestName]['answer'] }
  | { readonly id: number; readonly error: string };
