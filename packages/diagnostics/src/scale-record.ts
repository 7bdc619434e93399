/** What a watch keeps: plain data, which survives JSON. */
import type { Role } from '@tfjs-lrm/core';
import { show } from '@tfjs-lrm/core/kit';
import type { Recipe } from './recipe.ts';

/** A variable after a step. */
export interface ScalePoint {
  /** Steps of the optimizer so far. */
  readonly step: number;
  /** Steps in which this variable's own optimizer has moved it: fewer under accumulation. */
  readonly moves: number;
  /** Root mean square of the weight. */
  readonly rms: number;
  /** The learning rate of this step. */
  readonly rate: number;
  /** The share of the weight that decayed in this step: η·λ for decay coupled to the rate. */
  readonly share: number;
  /** Root mean square of the update at a learning rate of 1, without decay; null where it was not seen. */
  readonly update: number | null;
  /** The cosine between the weight and its update, without decay: more than 0 where the update makes the weight larger. */
  readonly outward: number | null;
  /** Root mean square of the gradient's noise, from the optimizer's own moments; null where it has none. */
  readonly noise: number | null;
  /** Root mean square of the gradient's mean, as the moments estimate it. */
  readonly signal: number | null;
}

/** A variable over the steps of a run. */
export interface WatchedVariable {
  /** As in the model's file. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: Role;
  /** Whether it has multipliers, in its layer or in the optimizer, so that its scale is free whatever happens to W. */
  readonly isFreed: boolean;
  /** How its optimizer treats it, as of the last point; null for an optimizer that does not say. */
  readonly recipe: Recipe | null;
  readonly points: readonly ScalePoint[];
}

/** What a watch has seen so far: the start, and the variables after every so many steps. */
export interface ScaleRecord {
  readonly every: number;
  readonly variables: readonly WatchedVariable[];
}

function isWatched(variable: unknown): boolean {
  const { name, shape, points } = (variable ?? {}) as Partial<WatchedVariable>;
  return typeof name === 'string' && Array.isArray(shape) && Array.isArray(points);
}

/** Throws for what cannot be a variable of a record. */
export function checkWatched(where: string, variable: unknown): void {
  if (isWatched(variable)) return;
  throw new TypeError(
    `${where}: the variable must be one of a record. Received ${show(variable)}. Try (await watch.read()).variables[0].`,
  );
}

/** Throws for what cannot be the record of a watch. */
export function checkRecord(where: string, record: unknown): asserts record is ScaleRecord {
  const { every, variables } = (record ?? {}) as Partial<ScaleRecord>;
  const isRecord =
    Number.isInteger(every) && Array.isArray(variables) && variables.every(isWatched);
  if (isRecord) return;
  throw new TypeError(
    `${where}: a record must be what \`await watch.read()\` returned. Received ${show(record)}. Try await watch.read().`,
  );
}
