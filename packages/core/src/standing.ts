/** What variables have besides their values: a role, factors of rate and decay, and the axes of a kernel. */
import type * as tf from '@tensorflow/tfjs-core';
import { copyKernelAxes } from './kernel-axes.ts';
import { explicitRates, type Rates, recordRates, sameRates } from './rates.ts';
import { copyRole, explicitRole, ROLES, type Role, recordRole } from './roles.ts';

/**
 * Gives a variable the standing of another one that it replaces: its role, source included (set, by an override, by the
 * structure of a model, or only by name and rank), the factors of its learning rate and decay, and the recorded axes of
 * a kernel.
 *
 * @param from the variable with the standing
 * @param to the variable that gets it
 * @example
 * const average = tf.variable(kernel, false);
 * copyStanding(kernel, average); // decays, and goes to Muon, as the kernel does
 */
export function copyStanding(from: tf.Variable, to: tf.Variable): void {
  copyRole(from, to);
  recordRates(to, explicitRates(from));
  copyKernelAxes(from, to);
}

/** Something that a variable has and that is saved with an optimizer where it was set explicitly. */
export interface Property<T> {
  /** The first part of its saved names: `roles/<variable>`. */
  readonly prefix: string;
  readonly dtype: 'int32' | 'float32';
  readonly get: (variable: tf.Variable) => T | null;
  /** Gives it to a variable that has none; the returned function undoes that. */
  readonly set: (variable: tf.Variable, value: T) => () => void;
  readonly isSame: (a: T, b: T) => boolean;
  readonly show: (value: T) => string;
  readonly toNumbers: (value: T) => number | number[];
  /** The value; null for numbers that are none. */
  readonly fromNumbers: (numbers: readonly number[]) => T | null;
  /** What a file holds instead of a value. */
  readonly lacking: string;
}

/** Roles, as indices into `ROLES`. */
export const roleProperty: Property<Role> = {
  prefix: 'roles',
  dtype: 'int32',
  get: explicitRole,
  set: (variable, role) =>
    recordRole(variable, role, 'set', 'setRole, restored with the optimizer'),
  isSame: (a, b) => a === b,
  show: (role) => `the role '${role}'`,
  toNumbers: (role) => ROLES.indexOf(role),
  fromNumbers: ([index = -1]) => ROLES[index] ?? null,
  lacking: 'no known role',
};

/** Factors of learning rate and decay. */
export const ratesProperty: Property<Rates> = {
  prefix: 'rates',
  dtype: 'float32',
  get: explicitRates,
  set: recordRates,
  isSame: sameRates,
  show: ({ learningRate, decay }) =>
    `the factors ${learningRate} of the learning rate and ${decay} of the decay`,
  toNumbers: ({ learningRate, decay }) => [learningRate, decay],
  fromNumbers: ([learningRate = -1, decay = -1, ...rest]) => {
    const isFine = [learningRate, decay].every((each) => each >= 0 && each < Infinity);
    return isFine && rest.length === 0 ? { learningRate, decay } : null;
  },
  lacking: 'no two factors of 0 or more',
};

/** The first parts of the names under which properties of variables are saved. */
export const PROPERTY_PREFIXES: readonly string[] = [roleProperty.prefix, ratesProperty.prefix];
