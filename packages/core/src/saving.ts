/** Saved state of a whole tree of optimizers: written by path, read, and bound to variables by name or order. */
import type * as tf from '@tensorflow/tfjs-core';
import { nearest } from './check.ts';
import { assertUsable, childrenOf, type Member, nodeOf, type OptimizerNode } from './node.ts';
import { relocate } from './recipes.ts';
import { explicitRole } from './roles.ts';
import { SavedProperty } from './saved-property.ts';
import { ratesProperty, roleProperty } from './standing.ts';
import { type Keyed, keyed, type Matching, parse, type SavedState } from './state.ts';

/** A tensor with its saved name. */
export type NamedTensor = Awaited<ReturnType<tf.Optimizer['getWeights']>>[number];

type Handed = (variables: readonly Keyed[]) => readonly Keyed[];

/** An optimizer and its place in a tree. */
interface Place {
  /** The path at the start of its saved names. */
  readonly path: string;
  readonly node: OptimizerNode;
  /** The variables of the outermost optimizer as they reach this one: themselves or their substitutes. */
  readonly sees: Handed;
  /** Those of them whose entries reach this optimizer. */
  readonly gets: Handed;
  /** Whether an optimizer outside it replaces variables by its own. */
  readonly isReplaced: boolean;
}

/** An optimizer and all optimizers inside it, outermost first, each once. */
function placesOf(root: Member): Place[] {
  const places = new Map<Member, Place>();
  const visit = (
    optimizer: Member,
    path: string,
    sees: Handed,
    gets: Handed,
    isReplaced: boolean,
  ): void => {
    if (places.has(optimizer)) return;
    const node = nodeOf(optimizer);
    places.set(optimizer, { path, node, sees, gets, isReplaced });
    const inside: Handed = (variables) =>
      variables.flatMap((variable) => node.substitutes(variable));
    for (const [key, child] of node.children) {
      const { stateName } = nodeOf(child);
      visit(
        child,
        `${path}:${key === '' ? stateName : `${key}:${stateName}`}`,
        (variables) => inside(sees(variables)),
        (variables) =>
          inside(gets(variables)).filter(({ variable }) => node.route(variable) === child),
        isReplaced || node.remakesVariables,
      );
    }
  };
  const all: Handed = (variables) => variables;
  visit(root, nodeOf(root).stateName, all, all, false);
  return [...places.values()];
}

/** The variables, as they reach an optimizer, that have slots in it or in an optimizer inside it. */
function ownersIn(optimizer: Member): readonly tf.Variable[] {
  const { store, substitutes } = nodeOf(optimizer);
  const owners = store.owners();
  // A substitute exists only inside: the optimizers outside know the original.
  const standIns = new Set(
    owners.flatMap((variable) =>
      substitutes({ variable, key: '' }).flatMap((each) =>
        each.variable === variable ? [] : [each.variable],
      ),
    ),
  );
  const inside = [...childrenOf(optimizer)].flatMap((child) => ownersIn(child));
  return [...new Set([...owners, ...inside])].filter((variable) => !standIns.has(variable));
}

/** The saved state of a whole tree of optimizers, and the variables that it is bound to. */
export class Saving {
  readonly #root: Member;
  #seen: ReadonlySet<tf.Variable> = new Set();
  #hasBound = false;
  /** Whether another recipe saved the waiting state. */
  #isOther = false;
  readonly #roles = new SavedProperty(roleProperty);
  readonly #rates = new SavedProperty(ratesProperty);

  constructor(root: Member) {
    this.#root = root;
  }

  /** Binds waiting state to the variables of a step, unless `check` rejects them. */
  bindStep(variables: readonly tf.Variable[], check: () => void): void {
    const seen = new Set([...this.#seen, ...variables]);
    if (seen.size > this.#seen.size) this.#meet(keyed(seen), true);
    if (this.#isWaiting()) this.bind(keyed(seen), this.#hasBound ? 'names' : 'order');
    check();
    this.#seen = seen;
    this.#hasBound = true;
  }

  /** All state as named tensors; these are the live variables, not copies. */
  weights(): NamedTensor[] {
    const root = this.#root;
    assertUsable(root);
    this.#seen = new Set([...this.#seen].filter((variable) => !variable.isDisposed));
    const all = keyed(new Set([...this.#seen, ...ownersIn(root)]));
    const state = placesOf(root).flatMap(({ path, node, sees }) => {
      const keys = new Map(sees(all).map(({ variable, key }) => [variable, key]));
      const count = node.store.numbers('iter', node.optimizer.iterations);
      return [['iter', count] as const, ...node.store.named(keys)].map(([name, tensor]) => ({
        name: node.optimizer === root && name === 'iter' ? name : `${path}/${name}`,
        tensor,
      }));
    });
    const properties = this.#properties().flatMap((each) => each.named(all));
    return [
      ...state,
      ...properties.map(({ name, numbers, dtype }) => ({
        name,
        tensor: nodeOf(root).store.numbers(name, numbers, dtype),
      })),
    ];
  }

  /** Takes named tensors and holds them until they are bound. */
  async take(weights: readonly NamedTensor[]): Promise<void> {
    assertUsable(this.#root);
    const places = placesOf(this.#root);
    const paths = places.map(({ path }) => path);
    const where = `${this.#root.getClassName()}.setWeights`;
    const here = places.map(({ path, node }) => ({
      path,
      names: [node.stateName, ...node.takesStateOf],
      isLeaf: node.children.size === 0,
      remakesVariables: node.remakesVariables,
    }));
    const relocated = relocate(where, weights, here);
    const staging = await Promise.all(
      this.#properties().map((each) => each.read(where, relocated.weights)),
    );
    const byPath = await parse(where, relocated.weights, paths);
    for (const { path, node } of places) {
      const saved = byPath.get(path) as SavedState;
      node.store.stage(saved);
      // tfjs keeps this count and provides no setter for it.
      Object.assign(node.optimizer, { iterations_: saved.iterations });
    }
    for (const stage of staging) stage();
    this.#isOther = relocated.isOther;
    this.#seen = new Set();
    this.#hasBound = false;
  }

  #properties(): readonly Pick<
    SavedProperty<unknown>,
    'named' | 'read' | 'isWaiting' | 'clear' | 'bind'
  >[] {
    return [this.#roles, this.#rates];
  }

  // Outermost first, because the variables that an optimizer has seen decide what it passes on.
  #meet(variables: readonly Keyed[], isStep: boolean): void {
    for (const { node, gets, isReplaced } of placesOf(this.#root)) {
      if (isReplaced) continue;
      node.meet(
        gets(variables).map(({ variable }) => variable),
        isStep,
      );
    }
  }

  #isWaiting(): boolean {
    return (
      this.#properties().some(({ isWaiting }) => isWaiting) ||
      placesOf(this.#root).some(({ node }) => node.store.isPending)
    );
  }

  /**
   * Binds waiting state to variables. Does nothing when none waits.
   *
   * @returns the saved names of the variables whose state was not bound
   * @throws Error listing what does not match; all state then stays waiting
   */
  bind(variables: readonly Keyed[], matching: Matching): readonly string[] {
    this.#meet(variables, false);
    const places = placesOf(this.#root);
    // Roles first, because they decide the routes; all are undone if the state does not fit.
    const name = this.#root.getClassName();
    const undo = this.#properties().map((each) => each.bind(name, variables));
    if (!places.some(({ node }) => node.store.isPending)) return [];
    try {
      const plans = places.map(({ path, node, sees, gets }) => {
        const mine = gets(variables).filter(({ variable }) => node.keeps(variable));
        const where = `${this.#root.getClassName()} (${path})`;
        if (matching !== 'order' || !this.#isOther) return node.store.plan(where, mine, matching);
        this.#checkNames(where, node, sees(variables), mine);
        return node.store.plan(where, mine, 'names');
      });
      for (const carryOut of plans) carryOut();
      if (matching === 'order') this.#warnOfStrays(places, variables);
      if (matching === 'fitting') {
        for (const each of this.#properties()) each.clear();
        return [...new Set(places.flatMap(({ node }) => node.store.discardWaiting()))];
      }
      return [...new Set(places.flatMap(({ node }) => node.store.waitingNames()))];
    } catch (error) {
      for (const takeBack of undo) takeBack();
      throw error;
    }
  }

  // By order, the state of a variable that another optimizer trains in this recipe would be bound to the wrong
  // variable.
  #checkNames(
    where: string,
    { store }: OptimizerNode,
    seen: readonly Keyed[],
    mine: readonly Keyed[],
  ): void {
    const namesOf = ({ variable, key }: Keyed): string[] => [variable.name, key];
    const waiting = store.waitingNames();
    const elsewhere = new Set(seen.flatMap(namesOf));
    const [unknown] = waiting.filter((name) => !elsewhere.has(name));
    const without = mine.filter(
      (each) =>
        store.slotsOf(each.variable).size === 0 &&
        !namesOf(each).some((name) => waiting.includes(name)),
    );
    if (unknown === undefined || without.length === 0) return;
    const names = without.map(({ key }) => key);
    throw new Error(
      `${where}: the saved state of "${unknown}" was made by another recipe, so that it is matched by name alone, and no variable here has that name. The nearest is "${nearest(unknown, names)}". Try bindState(optimizer, model), with { strict: false } to leave out what has changed.`,
    );
  }

  // Roles inferred from the model are not saved: without assignRoles after loading, a variable may be routed
  // differently.
  #warnOfStrays(places: readonly Place[], variables: readonly Keyed[]): void {
    const strays = places.flatMap(({ node, sees, gets }) =>
      node.store.waitingNames().filter((name) => {
        const stray = sees(variables).find(({ key }) => key === name)?.variable;
        // A role set in this process is deliberate; if it differs from the saved one, a separate warning says so.
        if (stray === undefined || explicitRole(stray) !== null) return false;
        return !(gets(variables).some(({ variable }) => variable === stray) && node.keeps(stray));
      }),
    );
    if (strays.length === 0) return;
    console.warn(
      `${this.#root.getClassName()}: the saved state of ${strays.join(', ')} belongs to an optimizer that does not update them now, and is not used: their roles, or the recipe, have changed since it was saved. If it is the roles, call assignRoles(model), or setRole, after loading and before the first step.`,
    );
  }
}
