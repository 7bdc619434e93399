/** The values of the variables before a step is recorded: they show what the step assigns, and serve to undo it. */
import type * as tf from '@tensorflow/tfjs-core';
import { copyOf, hold, replaceValue } from './backend.ts';
import { engine, type NodeBackend } from './internals.ts';

const registered = (): tf.Variable[] => Object.values(engine().registeredVariables);

/** The identity of each variable's value. */
const identities = (): Map<tf.Variable, object> =>
  new Map(registered().map((variable) => [variable, variable.dataId]));

export class VariableValues {
  readonly #backend: NodeBackend;
  /** The values without the step; an optimizer's host half changes them. */
  readonly #values: Map<tf.Variable, object>;
  /** Which variable held each value. */
  readonly #owners: Map<object, tf.Variable>;
  /** The values themselves, to restore when the step throws. */
  readonly #held: Map<tf.Variable, tf.Tensor>;

  constructor(backend: NodeBackend) {
    this.#backend = backend;
    unshare(backend);
    this.#values = identities();
    this.#owners = new Map([...this.#values].map(([variable, value]) => [value, variable]));
    this.#held = new Map(registered().map((variable) => [variable, hold(backend, variable)]));
  }

  /** The variable that held a value before the step. */
  owner(dataId: object): tf.Variable | undefined {
    return this.#owners.get(dataId);
  }

  /** Variables that the step has assigned. */
  assigned(): tf.Variable[] {
    return registered().filter((variable) => this.#values.get(variable) !== variable.dataId);
  }

  /** Variables that the step has created. */
  created(): tf.Variable[] {
    return registered().filter((variable) => !this.#values.has(variable));
  }

  /** A variable that the step has disposed. */
  disposed(): tf.Variable | undefined {
    return [...this.#values.keys()].find((variable) => variable.isDisposed);
  }

  /** Runs code that assigns variables and is not part of the step; an error in the step does not undo it. */
  outsideStep(run: () => void): void {
    const before = identities();
    run();
    for (const [variable, value] of identities()) {
      if (before.get(variable) === value) continue;
      this.#values.set(variable, value);
      this.#owners.set(value, variable);
      this.#held.get(variable)?.dispose();
      this.#held.set(variable, hold(this.#backend, variable));
    }
  }

  /** Undoes what the step has assigned. */
  restore(): void {
    for (const [variable, value] of this.#held) if (!variable.isDisposed) variable.assign(value);
  }

  dispose(): void {
    for (const value of this.#held.values()) value.dispose();
  }
}

// Variables that share a value with another tensor, as after `a.assign(b)`, would be taken for each other.
function unshare(backend: NodeBackend): void {
  for (const variable of registered()) {
    if (!backend.tensorMap.has(variable.dataId)) continue;
    if (backend.tensorMap.get(variable.dataId).refCount > 1) {
      replaceValue(backend, variable, copyOf(backend, variable));
    }
  }
}
