/** Builds what a case is about on the current backend: its outputs as a function of variables. */
import * as tf from '@tensorflow/tfjs-core';
import { layers, regularizers, sequential } from '@tensorflow/tfjs-layers';
import type { Argument, Call, Case, Input, LayerCall } from './case.ts';

/** The outputs, and what they are a function of, one an input. */
export interface Graph {
  readonly outputs: () => tf.Tensor[];
  readonly inputs: readonly tf.Tensor[];
  readonly dispose: () => void;
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
const isLayer = (argument: object): argument is LayerCall =>
  'layer' in argument && typeof argument.layer === 'string';

function evaluateArgument(argument: Argument, inputs: readonly tf.Tensor[]): unknown {
  if (typeof argument === 'string') {
    if (/^\$\d+$/.test(argument)) return inputs[Number(argument.slice(1))];
    return /^-?Infinity$/.test(argument) ? Number(argument) : argument;
  }
  if (argument === null || typeof argument !== 'object') return argument ?? undefined;
  if (Array.isArray(argument)) return argument.map((item) => evaluateArgument(item, inputs));
  if (isCall(argument)) return run(argument, inputs);
  if (isLayer(argument)) return makeLayer(argument);
  return Object.fromEntries(
    Object.entries(argument).map(([key, value]) => [key, evaluateArgument(value, inputs)]),
  );
}

const run = ({ call, args }: Call, inputs: readonly tf.Tensor[]): unknown =>
  find(tf, call)(...args.map((argument) => evaluateArgument(argument, inputs)));

const makeLayer = ({ layer, config }: LayerCall): layers.Layer =>
  find(layers, layer)(evaluateArgument(config, [])) as layers.Layer;

function flatten(result: unknown, pick: readonly string[] | undefined): tf.Tensor[] {
  if (result instanceof tf.Tensor) return [result];
  if (Array.isArray(result)) return result.flatMap((item) => flatten(item, undefined));
  return (pick ?? []).map((name) => (result as Record<string, tf.Tensor>)[name]!);
}

function makeInput({ shape, values, dtype = 'float32', fixed }: Input): tf.Tensor {
  const make = (): tf.Tensor => tf.tensor([...values], [...shape], dtype);
  return dtype === 'float32' && !fixed ? tf.tidy(() => tf.variable(make())) : make();
}

/** What the name stands for in `model.compile`. */
function findLoss(name: string): (labels: tf.Tensor, predictions: tf.Tensor) => tf.Tensor {
  const model = sequential({
    layers: [layers.activation({ activation: 'linear', inputShape: [1] })],
  });
  model.compile({ optimizer: 'sgd', loss: name });
  const { lossFunctions } = (model as unknown as { model: { lossFunctions: Callable[] } }).model;
  // With it goes the learning rate of its optimizer.
  model.dispose();
  return lossFunctions[0] as ReturnType<typeof findLoss>;
}

export function build(subject: Case): Graph {
  const inputs = subject.inputs.map(makeInput);
  const dispose = (): void => tf.dispose(inputs);
  if ('call' in subject)
    return { inputs, outputs: () => flatten(run(subject, inputs), subject.pick), dispose };
  if ('loss' in subject) {
    const loss = findLoss(subject.loss);
    return { inputs, outputs: () => [loss(inputs[0]!, inputs[1]!)], dispose };
  }
  if ('regularizer' in subject) {
    const config = evaluateArgument(subject.config, inputs);
    const regularizer = find(regularizers, subject.regularizer)(config) as { apply: Callable };
    return { inputs, outputs: () => [regularizer.apply(inputs[0]) as tf.Tensor], dispose };
  }
  const layer = makeLayer(subject);
  const data = inputs.slice(0, subject.data);
  const argument = data.length === 1 ? data[0]! : data;
  const kwargs = evaluateArgument(subject.kwargs ?? {}, inputs) as Record<string, unknown>;
  tf.tidy(() => void layer.apply(argument, kwargs));
  const others = inputs.slice(0, inputs.length - subject.weights);
  layer.setWeights(inputs.slice(others.length));
  return {
    // The layer reads variables of its own.
    inputs: [...others, ...layer.weights.map((weight) => weight.read())],
    outputs: () => flatten(layer.apply(argument, kwargs), subject.pick),
    dispose: () => {
      layer.dispose();
      dispose();
    },
  };
}
