import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { type Entry, OptimizerAdapter } from '@tfjs-lrm/core';
import {
  deserializeOptimizer,
  isModel,
  register,
  selects,
  show,
  variableOf,
} from '@tfjs-lrm/core/kit';

/** The class that tfjs-layers creates for `kernelConstraint: 'nonNeg'`; it has no type of its own there. */
interface Constraint extends tf.serialization.Serializable {
  apply(weight: tf.Tensor): tf.Tensor;
}

/** A weight's name and its constraint, as saved. */
interface SavedConstraint {
  readonly name: string;
  readonly className: string;
  readonly config: tf.serialization.ConfigDict;
}

const constraintOf = (weight: LayerVariable): Constraint | null =>
  (weight as { readonly constraint?: Constraint | null }).constraint ?? null;

function rebuilt({ name, className, config }: SavedConstraint): Constraint {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const entry = Object.hasOwn(classNameMap, className) ? classNameMap[className] : undefined;
  if (entry === undefined) {
    throw new RangeError(
      `withConstraints: the constraint ${show(className)} of "${name}" is not registered. Import the package that defines it before loading.`,
    );
  }
  const [cls, fromConfig] = entry;
  return fromConfig(cls, config) as Constraint;
}

class Constraints extends OptimizerAdapter {
  static override readonly className: string = 'LrmConstraints';

  readonly #saved: readonly SavedConstraint[];
  readonly #constraints: readonly Constraint[];
  readonly #of: Map<tf.Variable, Constraint | null>;

  constructor(
    inner: tf.Optimizer,
    saved: readonly SavedConstraint[],
    known: ReadonlyMap<tf.Variable, Constraint> = new Map(),
  ) {
    super(inner);
    this.#saved = saved;
    this.#constraints = saved.map(rebuilt);
    this.#of = new Map(known);
  }

  override get obstacle(): null {
    return null;
  }

  override get assignsVariables(): boolean {
    return true;
  }

  /** By variable where the model is known, otherwise by the name in the file. */
  #constraintOf(variable: tf.Variable): Constraint | null {
    let constraint = this.#of.get(variable);
    if (constraint === undefined) {
      const at = this.#saved.findIndex(({ name }) => selects({ name }, variable));
      constraint = this.#constraints[at] ?? null;
      this.#of.set(variable, constraint);
    }
    return constraint;
  }

  override update(entries: readonly Entry[]): void {
    super.update(entries);
    for (const { variable, gradient } of entries) {
      if (gradient === null) continue;
      const constraint = this.#constraintOf(variable);
      if (constraint !== null) variable.assign(constraint.apply(variable));
    }
  }

  protected override options(): object {
    return { constraints: this.#saved };
  }
}

register('withConstraints', Constraints, ({ inner, constraints }) => {
  const isSaved = (each: unknown): each is SavedConstraint => {
    const { name, className } = (each ?? {}) as Partial<SavedConstraint>;
    return typeof name === 'string' && typeof className === 'string';
  };
  if (!Array.isArray(constraints) || !constraints.every(isSaved)) {
    throw new TypeError(
      `withConstraints: "constraints" must be a list of { name, className, config }. Received ${show(constraints)}. Compare it with the file as it was saved.`,
    );
  }
  return new Constraints(deserializeOptimizer('withConstraints', inner), constraints);
});

/**
 * Applies the constraints of a model's layers during training: `kernelConstraint`, `biasConstraint` and the like, which
 * tfjs applies only when a weight is set by hand. After each update of the optimizer inside,
 *
 *   w ← constraint(w)
 *
 * for every weight of the model that has a constraint and received a gradient, as Keras does. Put it around everything
 * that changes the weights, including decay and Muon. It must be inside `reparametrize`, whose W and factors have no
 * constraints; in a layer with multipliers it constrains W. Constraints are saved with the optimizer, by the names of
 * their weights.
 *
 * Cost: a few operations for each weight with a constraint; no state.
 *
 * @param optimizer any optimizer
 * @param model the model whose constraints are applied; weights that it gets later are ignored
 * @throws TypeError for something that is not a model; Error for a model without constraints
 * @example
 * const layer = tf.layers.dense({ units: 4, inputShape: [3], kernelConstraint: tf.constraints.maxNorm({ maxValue: 2 }) });
 * const constrained = tf.sequential({ layers: [layer] });
 * constrained.compile({ optimizer: withConstraints(adam(), constrained), loss: 'meanSquaredError' });
 */
export function withConstraints(optimizer: tf.Optimizer, model: LayersModel): OptimizerAdapter {
  if (!isModel(model)) {
    throw new TypeError(
      `withConstraints: the second argument must be a model of layers. Received ${show(model)}. Try withConstraints(adam(), model).`,
    );
  }
  const known = new Map<tf.Variable, Constraint>();
  const saved: SavedConstraint[] = [];
  for (const weight of model.weights) {
    const constraint = constraintOf(weight);
    if (constraint === null) continue;
    known.set(variableOf(weight), constraint);
    saved.push({
      name: weight.originalName,
      className: constraint.getClassName(),
      config: constraint.getConfig(),
    });
  }
  if (saved.length === 0) {
    throw new Error(
      `withConstraints: a layer of the model must have a constraint. Received model "${model.name}" without any. Try tf.layers.dense({ …, kernelConstraint: 'nonNeg' }), or leave the adapter out.`,
    );
  }
  return new Constraints(optimizer, saved, known);
}
