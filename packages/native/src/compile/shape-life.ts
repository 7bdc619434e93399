/**
 * The life of one set of shapes:
 *
 *     new ──ran──▶ known ──recorded──▶ recorded
 *                  │  ▲                    │
 *                  └──┘ ran, not recorded  └──stale──▶ new
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { Constants } from './constants.ts';
import { OptimizerSnapshot } from './optimizer-snapshot.ts';
import type { Optimizers } from './optimizers.ts';
import type { Recording } from './recording.ts';
import type { ResultForm } from './step-call.ts';
import type { Trace } from './trace.ts';

export type ShapeLife =
  /** No call yet, or none since the last recording became stale. */
  | { readonly state: 'new' }
  /** The last call ran operation by operation; the next one is recorded. */
  | {
      readonly state: 'known';
      /** What calls have made in JavaScript. */
      readonly constants: Constants;
      /** tfjs' own optimizers as the last call left them. */
      readonly snapshot: OptimizerSnapshot;
      /** All optimizers of the last call. */
      readonly optimizers: readonly tf.Optimizer[];
      /** How many calls could not be recorded. */
      readonly failures: number;
    }
  /** Calls run the recording. */
  | {
      readonly state: 'recorded';
      readonly trace: Trace;
      readonly form: ResultForm;
      /** What later calls are compared with; null where no calls are compared. */
      readonly recording: Recording | null;
      /** What calls have made in JavaScript. */
      readonly constants: Constants;
      readonly optimizers: readonly tf.Optimizer[];
    };

export type ShapeEvent =
  | { readonly kind: 'ran'; readonly constants: Constants; readonly optimizers: Optimizers }
  | { readonly kind: 'not recorded'; readonly optimizers: Optimizers }
  | {
      readonly kind: 'recorded';
      readonly trace: Trace;
      readonly form: ResultForm;
      readonly recording: Recording | null;
      readonly constants: Constants;
      readonly optimizers: Optimizers;
    }
  /** The recording is out of date, or can be dropped. */
  | { readonly kind: 'stale' };

export const NEW: ShapeLife = { state: 'new' };

const listed = ({ roots, own }: Optimizers): tf.Optimizer[] => [...roots, ...own.keys()];

/** The only place where the state changes. */
export function next(life: ShapeLife, event: ShapeEvent): ShapeLife {
  if (event.kind === 'stale') {
    if (life.state === 'recorded') life.trace.dispose();
    return NEW;
  }
  const optimizers = listed(event.optimizers);
  if (event.kind === 'recorded') {
    const { trace, form, recording, constants } = event;
    return { state: 'recorded', trace, form, recording, constants, optimizers };
  }
  const failures = life.state === 'known' ? life.failures : 0;
  const snapshot = OptimizerSnapshot.take(event.optimizers.own.keys());
  if (event.kind === 'ran') {
    return { state: 'known', constants: event.constants, snapshot, optimizers, failures };
  }
  if (life.state !== 'known') throw new Error(`compile: a ${life.state} shape was recorded.`);
  return { ...life, snapshot, optimizers, failures: failures + 1 };
}
