import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { type Entry, OptimizerAdapter } from '@tfjs-lrm/core';
import {
  checkModel,
  connect,
  deserializeOptimizer,
  register,
  Selection,
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

/** A constraint with its saved form, and how its variable is recognised. */
interface Constrained {
  readonly saved: SavedConstraint;
  readonly constraint: Constraint;
  /** Of the model, where that is known; any other variable is recognised by its name. */
  readonly variable: tf.Variable | null;
  readonly selection: Selection;
}

const constrained = (
  saved: SavedConstraint,
  constraint: Constraint,
  variable: tf.Variable | null,
): Constrained => {
  const selection = new Selection('withConstraints: "constraints"', { name: saved.name });
  return { saved, constraint, variable, selection };
};

class Constraints extends OptimizerAdapter {
  static override readonly className: string = 'LrmConstraints';

  readonly #all: readonly Constrained[];

  constructor(inner: tf.Optimizer, all: readonly Constrained[]) {
    super(inner);
    this.#all = all;
    connect(this, {
      meet: (variables) => {
        // As if not in a step: a constrained weight may be frozen, so that there is nothing to warn of.
        for (const { selection } of all) selection.meet(variables, false);
      },
    });
  }

  override get obstacle(): null {
    return null;
  }

  override get assignsVariables(): boolean {
    return true;
  }

  #constraintOf(variable: tf.Variable): Constraint | null {
    const own =
      this.#all.find((each) => each.variable === variable) ??
      this.#all.find(({ selection }) => selection.has(variable));
    return own?.constraint ?? null;
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
    return { constraints: this.#all.map(({ saved }) => saved) };
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
  const all = constraints.map((saved) => constrained(saved, rebuilt(saved), null));
  return new Constraints(deserializeOptimizer('withConstraints', inner), all);
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
  checkModel('withConstraints', model, 'withConstraints(adam(), model)');
  const all = model.weights.flatMap((weight) => {
    const constraint = constraintOf(weight);
    if (constraint === null) return [];
    const [name, className] = [weight.originalName, constraint.getClassName()];
    return [
      constrained(
        { name, className, config: constraint.getConfig() },
        constraint,
        variableOf(weight),
      ),
    ];
  });
  if (all.length === 0) {
    throw new Error(
      `withConstraints: a layer of the model must have a constraint. Received model "${model.name}" without any. Try tf.layers.dense({ …, kernelConstraint: 'nonNeg' }), or leave the adapter out.`,
    );
  }
  return new Constraints(optimizer, all);
}
