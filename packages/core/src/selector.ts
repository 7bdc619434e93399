import type * as tf from '@tensorflow/tfjs-core';
import { type Rule, show } from './check.ts';
import { isKernel, isRole, ROLES, type Role, roleOf } from './roles.ts';
import { isVariable } from './tfjs-objects.ts';

/**
 * Which variables: a role, a name (of a variable, exact or without the `_1` that tfjs adds; or of a layer, which means
 * its kernels), a variable, a predicate, or a list of these, which selects what any of them selects. Roles and names can be saved with an
 * optimizer's configuration; variables and predicates cannot.
 */
export type Selector =
  | Role
  | { name: string }
  | tf.Variable
  | ((variable: tf.Variable) => boolean)
  | readonly Selector[];

function isList(selector: Selector): selector is readonly Selector[] {
  return Array.isArray(selector);
}

/** The name of the layer of a variable, which comes before its own. */
export function layersNameOf({ name }: tf.Variable): string | null {
  const at = name.lastIndexOf('/');
  return at < 0 ? null : name.slice(0, at);
}

/**
 * True when the selector selects the variable, whatever others there are: see `Selection`.
 *
 * @example
 * selects(['multiplier', { name: 'head/kernel' }], variable);
 */
export function selects(selector: Selector, variable: tf.Variable): boolean {
  if (isList(selector)) return selector.some((part) => selects(part, variable));
  if (typeof selector === 'string') return roleOf(variable) === selector;
  if (typeof selector === 'function') return selector(variable);
  if (isVariable(selector)) return selector === variable;
  const { name } = selector;
  if (variable.name === name || variable.name.replace(/_\d+$/, '') === name) return true;
  return isKernel(variable) && layersNameOf(variable) === name;
}

/**
 * Throws unless the value is a selector.
 *
 * @param where the function and option, as in `withClipping: "exclude"`
 */
export function checkSelector(where: string, selector: unknown): asserts selector is Selector {
  if (Array.isArray(selector)) {
    for (const part of selector) checkSelector(where, part);
    return;
  }
  if (isRole(selector) || typeof selector === 'function' || isVariable(selector)) return;
  if (
    typeof selector === 'object' &&
    selector !== null &&
    typeof (selector as { name?: unknown }).name === 'string' &&
    !('dataId' in selector)
  ) {
    return;
  }
  throw new RangeError(
    `${where} must be a role (${ROLES.map((r) => `'${r}'`).join(', ')}), { name }, a variable, a predicate, or a list of these. Received ${show(selector)}.`,
  );
}

/**
 * A rule of `checkOptions`: a selector. It throws instead of returning what must hold, because only a part of a list
 * may be wrong.
 *
 * @param where the function and option, as in `withClipping: "exclude"`
 * @example
 * checkOptions('mine', { exclude: 'vector' }, { exclude: selectorRule('mine: "exclude"') });
 */
export function selectorRule(where: string): Rule {
  return (value) => {
    checkSelector(where, value);
    return null;
  };
}

/** A selector in its saved form: only roles and names. */
export type SavedSelector = Role | { name: string } | SavedSelector[];

/**
 * The selector as plain data for `getConfig`.
 *
 * @throws Error that names the option, if the selector holds a function or a variable
 */
export function selectorToConfig(where: string, selector: Selector): SavedSelector {
  if (isList(selector)) return selector.map((part) => selectorToConfig(where, part));
  if (typeof selector === 'string') return selector;
  if (typeof selector === 'function' || isVariable(selector)) {
    throw new Error(
      `${where} holds a ${typeof selector === 'function' ? 'function' : 'variable'}, which cannot be saved. Use roles or { name }, or rebuild the optimizer in code and call setWeights.`,
    );
  }
  return { name: selector.name };
}
