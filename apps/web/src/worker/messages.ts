/** What the page and the worker of a model say to each other. */
import type {
  Progress,
  RunResult,
  RunSettings,
  RunState,
  ScaleBand,
} from '@tfjs-lrm/language-model';

/** What a worker trains. */
export interface Job {
  readonly settings: RunSettings;
  /** The text in UTF-8. */
  readonly text: Uint8Array;
  /** Where to go on; null for the start. */
  readonly from: RunState | null;
  readonly checkpointEvery: number;
  /** Threads for arithmetic on wasm. */
  readonly threads: number;
  /** Waits before the first step until it is told to go on. */
  readonly isPaused: boolean;
}

/** A request, answered between two steps or after the last one. */
export type Request =
  | {
      readonly write: { readonly id: number; readonly prompt: string; readonly characters: number };
    }
  | { readonly fold: { readonly id: number } };

/** `ping` asks for a sign of life, which comes between two steps. */
export type ToWorker =
  | { readonly job: Job }
  | { readonly pause: boolean }
  | { readonly ping: true }
  | Request;

/** What computes. */
export interface Machine {
  readonly backend: string;
  readonly isSimd: boolean;
  readonly threads: number;
  /** Why these are fewer than were asked for. */
  readonly reason?: string;
}

export interface Memory {
  readonly tensors: number;
  /** Of tensors, and of the heap of wasm where there is one. */
  readonly bytes: number;
}

/** A model without multipliers, as files. */
export interface ModelFiles {
  readonly layers: { readonly json: string; readonly weights: ArrayBuffer };
  /** The same for tfjs alone, without layers of ours; null where it cannot be written so. */
  readonly graph: { readonly json: string; readonly weights: ArrayBuffer } | null;
}

export type FromWorker =
  | { readonly alive: true }
  | { readonly machine: Machine }
  /** Where noise and decay alone would put each matrix. */
  | { readonly bands: Readonly<Record<string, ScaleBand>> }
  | { readonly progress: Progress; readonly memory: Memory }
  /** It waits, and its state has been reported. */
  | { readonly paused: true }
  | { readonly result: RunResult }
  | { readonly written: { readonly id: number; readonly text: string; readonly isDone: boolean } }
  | { readonly folded: { readonly id: number; readonly files: ModelFiles } }
  | { readonly error: string };
