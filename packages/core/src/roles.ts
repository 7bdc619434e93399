import type * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { show } from './check.ts';
import { isVariable, variableOf } from './tfjs-objects.ts';

/** What a variable is for. Roles decide what decays, what Muon trains and what clipping leaves out. */
export type Role = 'matrix' | 'embedding' | 'head' | 'multiplier' | 'vector';

/** All roles, in the order in which their indices are saved. Append only. */
export const ROLES: readonly Role[] = ['matrix', 'embedding', 'head', 'multiplier', 'vector'];

/**
 * Where a role comes from, strongest first: `setRole`, an override of `assignRoles`, the structure of the model, the
 * name of the variable, or its rank.
 */
export type RoleSource = 'set' | 'override' | 'structure' | 'name' | 'rank';

interface Assigned {
  readonly role: Role;
  readonly source: RoleSource;
  readonly reason: string;
}

// On globalThis, so that two copies of this package in one process agree on every role.
const STORE: unique symbol = Symbol.for('tfjs-lrm/roles');
const shared = globalThis as { [STORE]?: WeakMap<tf.Variable, Assigned> };
shared[STORE] ??= new WeakMap();
const assigned: WeakMap<tf.Variable, Assigned> = shared[STORE];

/** True for one of the five roles. */
export function isRole(value: unknown): value is Role {
  return ROLES.includes(value as Role);
}

/** The name of a variable without the scope before it and the `_1` that tfjs adds to repeated names. */
export function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).replace(/_\d+$/, '');
}

const VECTOR_NAMES = new Set(['bias', 'gamma', 'beta', 'alpha', 'depthwise_kernel']);
const MULTIPLIER_NAME = /^(row|column|scalar)_multiplier$/;

// Neither the name nor the rank of a variable changes, and steps ask for roles often.
const implied = new WeakMap<tf.Variable, Assigned>();

function byNameOrRank(variable: tf.Variable): Assigned {
  const known = implied.get(variable);
  if (known !== undefined) return known;
  const role = impliedRole(variable);
  implied.set(variable, role);
  return role;
}

function impliedRole(variable: tf.Variable): Assigned {
  const name = baseName(variable.name);
  const named = { source: 'name', reason: `named "${name}"` } as const;
  if (MULTIPLIER_NAME.test(name)) return { role: 'multiplier', ...named };
  if (name === 'embeddings') return { role: 'embedding', ...named };
  // Not matrices, although PReLU's alpha and layer norm's gamma may have rank 3 and a depthwise kernel rank 4.
  if (VECTOR_NAMES.has(name)) return { role: 'vector', ...named };
  const role = variable.rank >= 2 ? 'matrix' : 'vector';
  return { role, source: 'rank', reason: `rank ${variable.rank}` };
}

const assignedTo = (variable: tf.Variable): Assigned =>
  assigned.get(variable) ?? byNameOrRank(variable);

/** Throws unless the value is a variable. */
export function checkVariable(where: string, variable: unknown): void {
  if (isVariable(variable)) return;
  throw new TypeError(
    `${where}: the target must be a tf.Variable. Received ${show(variable)}. Try ${where}(layer.weights[0].read()).`,
  );
}

/**
 * The role of a variable, with its source for programs and a reason for people.
 *
 * @throws TypeError for something that is not a variable
 */
export function explainRole(variable: tf.Variable): {
  role: Role;
  source: RoleSource;
  reason: string;
} {
  checkVariable('explainRole', variable);
  return assignedTo(variable);
}

/**
 * The role of a variable: the one that `setRole` or `assignRoles` gave it, or else the one that its name implies (a
 * multiplier, an embedding, a bias, a norm's gain), or else that of its rank: a matrix from 2 on, a vector below.
 *
 * @throws TypeError for something that is not a variable
 * @example
 * roleOf(tf.variable(tf.zeros([4, 3]), true, 'dense/kernel')); // 'matrix'
 */
export function roleOf(variable: tf.Variable): Role {
  checkVariable('roleOf', variable);
  return assignedTo(variable).role;
}

/** The role from `setRole` or an override, which is saved with an optimizer; else null. */
export function explicitRole(variable: tf.Variable): Role | null {
  const entry = assigned.get(variable);
  return entry !== undefined && entry.source !== 'structure' ? entry.role : null;
}

/**
 * Records a role; the returned function undoes that. A weaker source never replaces `setRole`; `assignRoles` replaces
 * the roles of its earlier calls.
 */
export function recordRole(
  variable: tf.Variable,
  role: Role,
  source: RoleSource,
  reason: string,
): () => void {
  const before = assigned.get(variable);
  if (source !== 'set' && before?.source === 'set') return () => {};
  assigned.set(variable, { role, source, reason });
  return () => {
    if (before === undefined) assigned.delete(variable);
    else assigned.set(variable, before);
  };
}

/** Forgets the role that an earlier `assignRoles` gave a variable. */
export function forgetStructure(variable: tf.Variable): void {
  if (assigned.get(variable)?.source !== 'set') assigned.delete(variable);
}

/**
 * Gives a variable the role of another one, source included: set, by an override, by the structure of a model, or only
 * by name and rank.
 */
export function copyRole(from: tf.Variable, to: tf.Variable): void {
  const entry = assigned.get(from);
  if (entry === undefined) assigned.delete(to);
  else assigned.set(to, entry);
}

/** The variables of a layer that are kernels by name and rank: matrices and embedding tables. */
export function kernelsOf(layer: layers.Layer): tf.Variable[] {
  return layer.weights.map(variableOf).filter(isKernel);
}

/** Whether a variable is a kernel by name and rank: a matrix or an embedding table. */
export function isKernel(variable: tf.Variable): boolean {
  const { role } = byNameOrRank(variable);
  return role === 'matrix' || role === 'embedding';
}

/** Throws unless `role` is one of the five. */
export function checkRole(where: string, role: unknown): asserts role is Role {
  if (!isRole(role)) {
    throw new RangeError(
      `${where}: a role is one of ${ROLES.map((r) => `'${r}'`).join(', ')}. Received ${show(role)}.`,
    );
  }
}

/**
 * Sets the role of a variable, of a layer's weight, or of all kernels of a layer. It wins over every
 * other source, and optimizers save it with their state.
 *
 * @throws RangeError for an unknown role; TypeError for a layer that is not built or has no kernel
 * @example
 * setRole(model.getLayer('router'), 'head'); // Muon leaves its kernel to the fallback
 */
export function setRole(target: tf.Variable | LayerVariable | layers.Layer, role: Role): void {
  checkRole('setRole', role);
  for (const variable of targetVariables('setRole', target))
    recordRole(variable, role, 'set', 'setRole');
}

/** The variables that a target means: itself, or all kernels of a layer. */
export function targetVariables(
  where: string,
  target: tf.Variable | LayerVariable | layers.Layer,
): tf.Variable[] {
  if (typeof target === 'object' && target !== null) {
    if (isVariable(target)) return [target];
    if ('read' in target) return [variableOf(target)];
    if ('trainableWeights' in target) {
      const kernels = kernelsOf(target);
      if (kernels.length > 0) return kernels;
      throw new TypeError(
        `${where}: layer "${target.name}" (${target.getClassName()}) has no kernel. ${
          target.built
            ? 'Name a layer with weights of rank 2 or more'
            : 'Build it first, by adding it to a model'
        }, or pass the variable itself.`,
      );
    }
  }
  throw new TypeError(
    `${where}: the target must be a tf.Variable, a layer's weight or a layer. Received ${show(target)}.`,
  );
}
