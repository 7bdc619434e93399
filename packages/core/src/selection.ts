/** A selector applied to the variables that an optimizer has seen. */
import type * as tf from '@tensorflow/tfjs-core';
import { nearest } from './check.ts';
import {
  layersNameOf,
  type SavedSelector,
  type Selector,
  selectorToConfig,
  selects,
} from './selector.ts';
import { isVariable } from './tfjs-objects.ts';

type Part = Exclude<Selector, readonly Selector[]>;

const partsOf = (selector: Selector): Part[] =>
  Array.isArray(selector) ? (selector as readonly Selector[]).flatMap(partsOf) : [selector as Part];

/**
 * The variables that a selector in an option selects, among those that its optimizer has seen: `{ name: 'w' }` does not
 * match `w_1` where a variable is named exactly `w`. Warns once about a name, a variable or a predicate that selects
 * nothing in the first step; a role may be one that the model does not have.
 *
 * @example
 * const exclude = new Selection('withClipping: "exclude"', { name: 'head/kernel' });
 * connect(asTensorOptimizer(optimizer), { meet: (...given) => exclude.meet(...given) });
 * exclude.has(variable);
 */
export class Selection {
  readonly #where: string;
  readonly #selector: Selector;
  readonly #parts: readonly Part[];
  readonly #exact = new Map<string, tf.Variable>();
  #hasWarned = false;

  constructor(where: string, selector: Selector) {
    this.#where = where;
    this.#selector = selector;
    this.#parts = partsOf(selector);
  }

  /**
   * The selector as plain data for `getConfig`.
   *
   * @throws Error naming the option when the selector holds a function or a variable
   */
  toConfig(): SavedSelector {
    return selectorToConfig(this.#where, this.#selector);
  }

  /** True when the selector selects the variable. */
  has(variable: tf.Variable): boolean {
    return this.#parts.some((part) => this.#takes(part, variable));
  }

  #takes(part: Part, variable: tf.Variable): boolean {
    if (!selects(part, variable)) return false;
    if (typeof part !== 'object' || isVariable(part) || variable.name === part.name) return true;
    const exact = this.#exact.get(part.name);
    return exact === undefined || exact.isDisposed;
  }

  /** Registers the variables that reach the optimizer: the arguments of its node's `meet`. */
  meet(variables: readonly tf.Variable[], isStep: boolean): void {
    for (const part of this.#parts) {
      if (typeof part !== 'object' || isVariable(part)) continue;
      const exact = variables.find(({ name }) => name === part.name);
      if (exact !== undefined) this.#exact.set(part.name, exact);
    }
    if (!isStep || this.#hasWarned || variables.length === 0) return;
    this.#hasWarned = true;
    const idle = this.#parts.filter(
      (part) =>
        typeof part !== 'string' && !variables.some((variable) => this.#takes(part, variable)),
    );
    if (idle.length === 0) return;
    const names = variables.map(({ name }) => name);
    console.warn(
      `${this.#where} selects no variable by ${idle.map((part) => described(part, variables)).join(', ')}. The variables here are ${listed(names)}.`,
    );
  }
}

function described(part: Part, variables: readonly tf.Variable[]): string {
  if (typeof part === 'string') return `the role '${part}'`;
  if (typeof part === 'function') return `the function ${part.name || '(variable) => …'}`;
  if (isVariable(part)) return `the variable "${part.name}"`;
  const names = variables.map(({ name }) => name);
  const layers = variables.flatMap((variable) => layersNameOf(variable) ?? []);
  return `the name "${part.name}" (did you mean "${nearest(part.name, [...layers, ...names])}"?)`;
}

const listed = (names: readonly string[]): string =>
  names.length > 12
    ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`
    : names.join(', ');
