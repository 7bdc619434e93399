/** Runs a case on the current backend: its outputs, its gradients, and the gradients of its gradients' norm. */
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { type Argument, type Call, type Case, type Input, lossWeight } from './case.ts';

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

type Callable = (...args: unknown[]) => unknown;

/** `tf.image.resizeBilinear` for `image.resizeBilinear`. */
function find(root: unknown, path: string): Callable {
  let owner: unknown = root;
  for (const name of path.split('.')) owner = (owner as Record<string, unknown>)[name];
  if (typeof owner !== 'function') throw new TypeError(`tfjs has no function ${path}`);
  return owner as Callable;
}

const isCall = (argument: object): argument is Call => 'call' in argument && 'args' in argument;

function evaluateArgument(argument: Argument, inputs: readonly tf.Tensor[]): unknown {
  if (typeof argument === 'string') {
    if (/^\$\d+$/.test(argument)) return inputs[Number(argument.slice(1))];
    return /^-?Infinity$/.test(argument) ? Number(argument) : argument;
  }
  if (argument === null || typeof argument !== 'object') return argument ?? undefined;
  if (Array.isArray(argument)) return argument.map((item) => evaluateArgument(item, inputs));
  if (isCall(argument)) return run(argument, inputs);
  return Object.fromEntries(
    Object.entries(argument).map(([key, value]) => [key, evaluateArgument(value, inputs)]),
  );
}

const run = ({ call, args }: Call, inputs: readonly tf.Tensor[]): unknown =>
  find(tf, call)(...args.map((argument) => evaluateArgument(argument, inputs)));

function flatten(result: unknown, pick: readonly string[] | undefined): tf.Tensor[] {
  if (result instanceof tf.Tensor) return [result];
  if (Array.isArray(result)) return result.flatMap((item) => flatten(item, undefined));
  return (pick ?? []).map((name) => (result as Record<string, tf.Tensor>)[name]!);
}

/** The outputs as a function of what is in `variables`, and the variables, one an input. */
interface Graph {
  readonly outputs: () => tf.Tensor[];
  readonly inputs: readonly tf.Tensor[];
  readonly dispose: () => void;
}

function makeInput({ shape, values, dtype = 'float32', fixed }: Input): tf.Tensor {
  const tensor = tf.tensor([...values], [...shape], dtype);
  return dtype === 'float32' && !fixed ? tf.tidy(() => tf.variable(tensor)) : tensor;
}

function build(subject: Case): Graph {
  const inputs = subject.inputs.map(makeInput);
  if ('call' in subject) {
    const outputs = (): tf.Tensor[] => flatten(run(subject, inputs), subject.pick);
    return { inputs, outputs, dispose: () => tf.dispose(inputs) };
  }
  const made = evaluateArgument(subject.config, []) as object;
  const layer = find(layers, subject.layer)(made) as layers.Layer;
  const count = inputs.length - subject.weights;
  const [data, weights] = [inputs.slice(0, count), inputs.slice(count)];
  const argument = count === 1 ? data[0]! : data;
  const kwargs = evaluateArgument(subject.kwargs ?? {}, []) as Record<string, unknown>;
  tf.tidy(() => void layer.apply(argument, kwargs));
  layer.setWeights(weights);
  // What the layer reads instead of what it was given.
  const variables = layer.weights.map((weight) => weight.read() as tf.Tensor);
  const outputs = (): tf.Tensor[] => flatten(layer.apply(argument, kwargs), subject.pick);
  const dispose = (): void => {
    layer.dispose();
    tf.dispose(inputs);
  };
  return { inputs: [...data, ...variables], outputs, dispose };
}

const weigh = (output: tf.Tensor, start: number): tf.Tensor =>
  tf.tensor(
    Array.from({ length: output.size }, (_, i) => lossWeight(start + i)),
    output.shape,
  );

/** Σ w·y, and + Σ y²/2 where it is to be curved. */
function lossOf(outputs: readonly tf.Tensor[], curved: boolean): tf.Scalar {
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

async function outcomeOf(
  compute: () => readonly (tf.Tensor | null)[],
  inputs: readonly tf.Tensor[] = [],
): Promise<Outcome> {
  let tensors: readonly (tf.Tensor | null)[];
  try {
    tensors = tf.tidy(() => compute() as tf.Tensor[]);
    const values = await Promise.all(
      tensors.map(async (tensor) => (tensor === null ? null : [...(await tensor.data())])),
    );
    const shapes = tensors.map((tensor, i) => tensor?.shape ?? inputs[i]?.shape ?? []);
    tf.dispose(tensors.filter((tensor) => tensor !== null));
    return { shapes, values };
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}

export async function evaluate(subject: Case): Promise<Outcomes> {
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
      forward: await outcomeOf(outputs),
      gradient: await outcomeOf(() => gradientsOf(() => lossOf(outputs(), false)), inputs),
      second: subject.second && (await outcomeOf(() => gradientsOf(penalty), inputs)),
    };
  } finally {
    dispose();
  }
}
