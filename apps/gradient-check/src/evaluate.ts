/** Runs a case on the current backend: its outputs, its gradients, and the gradients of its gradients' norm. */
import * as tf from '@tensorflow/tfjs-core';
import { type Case, lossWeight } from './case.ts';
import { build, type Graph } from './graph.ts';

/** Numbers tensor by tensor, or the message of what tfjs threw. A missing gradient is null. */
export type Outcome =
  | { readonly shapes: readonly (readonly number[])[]; readonly values: readonly (Values | null)[] }
  | { readonly refused: string };
type Values = readonly number[];

export interface Outcomes {
  readonly forward: Outcome;
  readonly gradient: Outcome;
  /** Null where the case has none. */
  readonly second: Outcome | null;
}

const weigh = (output: tf.Tensor, start: number): tf.Tensor =>
  tf.tensor(
    Array.from({ length: output.size }, (_, i) => lossWeight(start + i)),
    output.shape,
  );

/** Σ w·y, and + Σ y²/2 where it is to be curved. */
export function lossOf(outputs: readonly tf.Tensor[], curved: boolean): tf.Scalar {
  let start = 0;
  const parts = outputs.map((output) => {
    const weighted = tf.mul(output, weigh(output, start));
    start += output.size;
    return tf.sum(
      curved ? tf.add(weighted, tf.mul(tf.mul(output, output), tf.scalar(0.5))) : weighted,
    );
  });
  return parts.reduce((total, part) => tf.add(total, part)) as tf.Scalar;
}

/** Tensors, some of which may be missing. */
export type Compute = () => (tf.Tensor | null)[];

async function outcomeOf(compute: Compute, inputs: readonly tf.Tensor[]): Promise<Outcome> {
  let tensors: readonly (tf.Tensor | null)[];
  try {
    tensors = tf.tidy(compute as () => tf.Tensor[]);
    const values = await Promise.all(
      tensors.map(async (tensor) => (tensor === null ? null : [...(await tensor.data())])),
    );
    const shapes = tensors.map((tensor, i) => tensor?.shape ?? inputs[i]?.shape ?? []);
    // An operation may return its input itself.
    tf.dispose(
      tensors.filter((tensor) => tensor !== null).filter((tensor) => !inputs.includes(tensor)),
    );
    return { shapes, values };
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}

/** @param around what runs each computation in another way, for example compiled */
export async function evaluate(
  subject: Case,
  around: (compute: Compute) => Compute = (compute) => compute,
): Promise<Outcomes> {
  let graph: Graph;
  try {
    graph = build(subject);
  } catch (error) {
    const refused = { refused: error instanceof Error ? error.message : String(error) };
    return { forward: refused, gradient: refused, second: subject.second && refused };
  }
  const { inputs, outputs, dispose } = graph;
  const variables = inputs.filter((_, i) => subject.gradients[i] !== null) as tf.Variable[];

  const gradientsOf = (loss: () => tf.Scalar): (tf.Tensor | null)[] => {
    const { grads } = tf.variableGrads(loss, variables);
    return inputs.map((input) => grads[(input as tf.Variable).name] ?? null);
  };
  /** ‖∇ Σ (w·y + y²/2)‖² */
  const penalty = (): tf.Scalar => {
    const squares = gradientsOf(() => lossOf(outputs(), true))
      .filter((gradient) => gradient !== null)
      .map((gradient) => tf.sum(tf.mul(gradient, gradient)));
    return squares.reduce((total, square) => tf.add(total, square)) as tf.Scalar;
  };
  try {
    return {
      forward: await outcomeOf(around(outputs), inputs),
      gradient: await outcomeOf(
        around(() => gradientsOf(() => lossOf(outputs(), false))),
        inputs,
      ),
      second:
        subject.second &&
        (await outcomeOf(
          around(() => gradientsOf(penalty)),
          inputs,
        )),
    };
  } finally {
    dispose();
  }
}
