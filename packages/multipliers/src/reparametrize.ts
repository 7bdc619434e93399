import * as tf from '@tensorflow/tfjs-core';
import {
  adapter,
  asTensorOptimizer,
  type Entry,
  OptimizerAdapter,
  type Selector,
} from '@tfjs-lrm/core';
import {
  booleanRule,
  connect,
  copyStanding,
  isRecording,
  type Keyed,
  kernelAxes,
  type Matching,
  nodeOf,
  Selection,
  StateStore,
  selectorRule,
  treeOf,
} from '@tfjs-lrm/core/kit';
import { FACTORS, type Factor, factorShapes, multiplyAlong, wantedFactors } from './factors.ts';

/** Which variables are reparametrised, and by which factors. */
export interface ReparametrizeOptions {
  /** The variables that get factors. Default `'matrix'`. */
  readonly select?: Selector | undefined;
  /** One factor per output feature. Default true. */
  readonly row?: boolean | undefined;
  /** One factor per input feature. Default true; a depthwise kernel has no such axis. */
  readonly column?: boolean | undefined;
  /** One factor for the whole kernel. Default false. */
  readonly scalar?: boolean | undefined;
}

const rules = {
  select: selectorRule('reparametrize: "select"'),
  row: booleanRule(true),
  column: booleanRule(true),
  scalar: booleanRule(false),
};

/** What replaces a kernel: W under `'matrix'`, and its factors. */
type Parts = ReadonlyMap<string, tf.Variable>;

/**
 * If all elements of a kernel are this close to s·r·W·c (relative), the kernel is that product, computed on another
 * machine.
 */
const ROUNDING = 1e-6;

const SUFFIX = /(_\d+)?$/;

/**
 * The name followed by a number that no other variable has. The number begins with 0, unlike those of tfjs-layers,
 * which counts on from the numbers that it assigned and fails where one of them is taken.
 */
function freeName(name: string): string {
  const taken = tf.engine().registeredVariables;
  let count = 1;
  while (Object.hasOwn(taken, `${name}_0${count}`)) count += 1;
  return `${name}_0${count}`;
}

const effectiveOf = (kernel: tf.Variable, [matrix, ...factors]: tf.Tensor[], parts: Parts) =>
  multiplyAlong(
    matrix as tf.Tensor,
    Object.fromEntries([...parts.keys()].slice(1).map((name, i) => [name, factors[i]])),
    kernelAxes(kernel),
  );

/** W and the factors of each kernel, created before the state of the optimizers inside is bound to them. */
class PartsStore extends StateStore {
  readonly #settle: (variable: tf.Variable) => void;
  readonly #restored: (kernel: tf.Variable) => void;

  constructor(settle: (variable: tf.Variable) => void, restored: (kernel: tf.Variable) => void) {
    super();
    this.#settle = settle;
    this.#restored = restored;
  }

  override plan(where: string, variables: readonly Keyed[], matching: Matching): () => void {
    const carryOut = super.plan(where, variables, matching);
    for (const { variable } of variables) this.#settle(variable);
    const made = new Map(this.slots);
    return () => {
      carryOut();
      for (const [kernel, parts] of made) {
        const saved = this.slots.get(kernel);
        if (saved === undefined || saved === parts) continue;
        for (const [name, value] of saved) {
          parts.get(name)?.assign(value);
          value.dispose();
        }
        this.slots.set(kernel, parts);
        this.#restored(kernel);
      }
    };
  }
}

function refuseTwice(inner: ReturnType<typeof asTensorOptimizer>): void {
  if (!treeOf(inner).some((each) => nodeOf(each).remakesVariables)) return;
  throw new Error(
    `reparametrize: the ${inner.getClassName()} has a reparametrize inside already, which would split W once more. Use one, around all that shall see W and its factors.`,
  );
}

class Reparametrized extends OptimizerAdapter {
  static override readonly className: string = 'LrmReparametrize';

  readonly #select: Selection;
  readonly #factors: readonly Factor[];
  /** The value of each kernel when last seen here; another `dataId` means that it was assigned from outside. */
  readonly #known = new WeakMap<tf.Variable, object>();

  /** W, under `'matrix'`, and the factors of each kernel. */
  readonly #store: StateStore;

  constructor(inner: tf.Optimizer, options: ReparametrizeOptions) {
    const { select = 'matrix', row = true, column = true, scalar = false } = options;
    const factors = wantedFactors('reparametrize', { row, column, scalar }, 'the optimizer');
    refuseTwice(asTensorOptimizer(inner));
    super(inner);
    this.#select = new Selection('reparametrize: "select"', select);
    this.#factors = factors;
    this.#store = new PartsStore(
      (variable) => this.#settle(variable),
      // The next step shows whether the kernel goes with them.
      (kernel) => this.#known.delete(kernel),
    );
    connect(this, {
      store: this.#store,
      remakesVariables: true,
      keeps: (variable) => this.#select.has(variable),
      meet: (...given) => this.#select.meet(...given),
      substitutes: (given) => this.#substitutes(given),
      afterReplay: () => {
        for (const kernel of this.#store.owners()) this.#known.set(kernel, kernel.dataId);
      },
    });
  }

  override get obstacle(): null {
    return null;
  }

  override get assignsVariables(): boolean {
    return true;
  }

  /** The shapes of the selected factors; throws where the variable cannot have them. */
  #shapesFor(variable: tf.Variable): [Factor, number[]][] {
    const { name, shape, rank, dtype } = variable;
    const isFlat = rank < 2 && (this.#factors.includes('row') || this.#factors.includes('column'));
    if (isFlat || dtype !== 'float32') {
      throw new RangeError(
        `reparametrize: it takes float32 kernels of two axes or more. "select" gives it "${name}" [${shape}] of ${dtype}. Narrow "select"${isFlat ? ', or try { row: false, column: false, scalar: true }' : ''}.`,
      );
    }
    const shapes = factorShapes(shape, kernelAxes(variable));
    const found = this.#factors.flatMap((factor): [Factor, number[]][] => {
      const along = shapes[factor];
      return along === null ? [] : [[factor, along]];
    });
    if (found.length > 0) return found;
    throw new RangeError(
      `reparametrize: "${name}" [${shape}] has no column axis, because each of its outputs has one input feature. Narrow "select", or try { row: true }.`,
    );
  }

  #checkVariables(variables: readonly tf.Variable[]): void {
    const names = new Set(variables.map(({ name }) => name));
    for (const variable of variables.filter((each) => this.#select.has(each))) {
      this.#shapesFor(variable);
      const own = FACTORS.map((factor) =>
        variable.name.replace(SUFFIX, (suffix) => `/${factor}_multiplier${suffix}`),
      ).find((name) => names.has(name));
      if (own === undefined) continue;
      throw new Error(
        `reparametrize: "${variable.name}" has multipliers in its layer already ("${own}"). Use one of the two: the plain model, or an optimizer without reparametrize; or narrow "select".`,
      );
    }
  }

  /** Gives a selected variable its W and factors, which change nothing yet, and removes those of any other variable. */
  #settle(variable: tf.Variable): void {
    const parts = this.#store.slots.get(variable);
    const isSelected = this.#select.has(variable);
    if (isSelected === (parts !== undefined)) return;
    if (parts !== undefined) {
      tf.dispose([...parts.values()]);
      this.#store.slots.delete(variable);
      return;
    }
    const base = variable.name.replace(SUFFIX, '');
    const made = new Map([['matrix', tf.variable(variable, false, freeName(base))]]);
    for (const [factor, shape] of this.#shapesFor(variable)) {
      const name = freeName(`${base}/${factor}_multiplier`);
      made.set(
        factor,
        tf.tidy(() => tf.variable(tf.ones(shape), false, name)),
      );
    }
    this.#store.slots.set(variable, made);
    this.#known.set(variable, variable.dataId);
  }

  #substitutes(given: Keyed): readonly Keyed[] {
    const parts = this.#store.slots.get(given.variable);
    if (parts === undefined) return [given];
    copyStanding(given.variable, parts.get('matrix') as tf.Variable);
    return [...parts].map(([name, variable]) => ({
      variable,
      key: name === 'matrix' ? given.key : `${given.key}/${name}_multiplier`,
    }));
  }

  override check(entries: readonly Entry[]): void {
    this.#checkVariables(entries.map(({ variable }) => variable));
    for (const { variable } of entries) this.#settle(variable);
    super.check(
      entries.flatMap(({ variable, gradient }) =>
        this.#substitutes({ variable, key: '' }).map((part, i) => ({
          variable: part.variable,
          gradient: i === 0 ? gradient : null,
        })),
      ),
    );
  }

  override beforeStep(): void {
    for (const kernel of this.#store.owners()) {
      if (this.#known.get(kernel) !== kernel.dataId) this.#adopt(kernel);
    }
    super.beforeStep();
  }

  // On the device, so that nothing waits for it: W ← kernel and factors ← 1, unless the kernel equals the previous
  // W_eff.
  #adopt(kernel: tf.Variable): void {
    const parts = this.#store.slots.get(kernel) as Parts;
    const effective = effectiveOf(kernel, [...parts.values()], parts);
    const error = tf.abs(tf.sub(kernel, effective));
    const isSame = tf.all(tf.lessEqual(error, tf.mul(tf.abs(effective), ROUNDING)));
    for (const [name, part] of parts) {
      const fresh = name === 'matrix' ? kernel : tf.onesLike(part);
      part.assign(tf.where(tf.broadcastTo(isSame, part.shape), part, fresh));
    }
    this.#known.set(kernel, kernel.dataId);
  }

  override update(entries: readonly Entry[]): void {
    this.#refuseAssigned(entries);
    this.inner.update(entries.flatMap((entry) => this.#spread(entry)));
    for (const { variable, gradient } of entries) {
      const parts = this.#store.slots.get(variable);
      if (parts === undefined || gradient === null) continue;
      variable.assign(effectiveOf(variable, [...parts.values()], parts));
      this.#known.set(variable, variable.dataId);
    }
  }

  // An adapter around this one may assign to a kernel without announcing it. A recorder may give variables other ids.
  #refuseAssigned(entries: readonly Entry[]): void {
    const assigned = entries.find(
      ({ variable, gradient }) =>
        gradient !== null &&
        this.#store.slots.has(variable) &&
        this.#known.get(variable) !== variable.dataId,
    );
    if (assigned === undefined || isRecording()) return;
    throw new Error(
      `reparametrize: an adapter around it has assigned to "${assigned.variable.name}" in this step, which would be lost, because the kernel is made anew from W and its factors. Put the adapter inside: reparametrize(adapter(optimizer)).`,
    );
  }

  /** The entries of W and its factors, with the gradients of eq. 4. */
  #spread(entry: Entry): readonly Entry[] {
    const { variable, gradient } = entry;
    const parts = this.#store.slots.get(variable);
    if (parts === undefined) return [entry];
    const own = [...parts.values()];
    if (gradient === null) return own.map((part) => ({ variable: part, gradient }));
    const effective = (...values: tf.Tensor[]) => effectiveOf(variable, values, parts);
    const gradients = tf.grads(effective)(own, gradient);
    return own.map((part, i) => ({ variable: part, gradient: gradients[i] as tf.Tensor }));
  }

  protected override options(): object {
    return {
      select: this.#select.toConfig(),
      ...Object.fromEntries(FACTORS.map((factor) => [factor, this.#factors.includes(factor)])),
    };
  }
}

/**
 * Learnable multipliers without touching the model: its kernels stay plain and hold W_eff, while the optimizer keeps W
 * and the factors, for any `tf.Variable`. With G = ∂L/∂W_eff, the gradient from the model,
 *
 *   W_eff[j, i] = s · c[j] · W[j, i] · r[i]
 *   ∂L/∂W = s·c·r·G,   ∂L/∂r[i] = s·Σ_j c[j]·W·G,   ∂L/∂c[j] = s·Σ_i r[i]·W·G,   ∂L/∂s = Σ c·W·r·G
 *
 * The optimizers inside train W, r, c and s instead of the kernel: W with the kernel's role and name, the factors as
 * multipliers. After their step the kernel is assigned W_eff. At the start W is the kernel and the factors are 1, and
 * training goes as for the model of `addMultipliers`. A kernel that was assigned from outside in between becomes W, and
 * its factors become 1; moments are kept. Saved state holds W and the factors. Disposing of the optimizer leaves the
 * kernels as they are, W_eff.
 *
 * The rows are the last axis of a kernel and the columns the one before; sums run over all further axes. Where a layer has
 * them elsewhere, as depthwise and transposed convolutions and layers that declare their `kernelPlaces` may, they are known from
 * `assignRoles(model)`, called before the first step; without it, from the names that tfjs gives to depthwise kernels and
 * transposed convolutions.
 *
 * @param optimizer the optimizer of W and the factors, with everything that acts on these: decay, usually clipping
 * @param options select 'matrix'; row true, column true, scalar false
 * @throws TypeError for something that is not an optimizer; RangeError for unknown or wrong options, and where no
 *   factor is selected; Error for a `reparametrize` inside. At a step, before it changes anything: RangeError for a
 *   selected variable with fewer than two axes, Error for one whose layer has multipliers
 * @see arXiv 2601.04890, sec. 2, way (b), eq. 4
 * @example
 * model.compile({ optimizer: reparametrize(adam({ learningRate: 1e-3 })), loss: 'meanSquaredError' });
 */
export const reparametrize: (
  optimizer: tf.Optimizer,
  options?: ReparametrizeOptions,
) => OptimizerAdapter = adapter('reparametrize', Reparametrized, rules);
