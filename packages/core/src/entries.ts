import * as tf from '@tensorflow/tfjs-core';

/** A variable and its gradient in this step; null where the loss does not reach it or it is frozen. */
export interface Entry {
  readonly variable: tf.Variable;
  readonly gradient: tf.Tensor | null;
}

/** What `applyGradients` takes: a map from names to gradients, or a list of names with gradients. */
export type Gradients = Parameters<tf.Optimizer['applyGradients']>[0];

/**
 * Either argument form of `applyGradients` as entries, in the order of the argument. Missing gradients become null, so
 * that every optimizer sees the same variables in the same order in each step.
 *
 * @throws Error for a name that is not a variable's or comes twice, and for a gradient of another shape
 */
export function toEntries(where: string, gradients: Gradients): Entry[] {
  const named: readonly (readonly [string, tf.Tensor | null | undefined])[] = Array.isArray(
    gradients,
  )
    ? gradients.map(({ name, tensor }) => [name, tensor] as const)
    : Object.entries(gradients);
  const variables = tf.engine().registeredVariables;
  const seen = new Set<string>();
  return named.map(([name, tensor]) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (variable === undefined) {
      throw new Error(
        `${where}.applyGradients: no variable is named "${name}". Use the names of live variables, as tf.variableGrads returns them.`,
      );
    }
    if (seen.has(name)) {
      throw new Error(
        `${where}.applyGradients: "${name}" is given twice. Give one gradient a variable.`,
      );
    }
    seen.add(name);
    if (tensor != null && !tf.util.arraysEqual(tensor.shape, variable.shape)) {
      throw new Error(
        `${where}.applyGradients: the gradient of "${name}" must have the variable's shape [${variable.shape.join(', ')}]. Received [${tensor.shape.join(', ')}].`,
      );
    }
    return { variable, gradient: tensor ?? null };
  });
}
