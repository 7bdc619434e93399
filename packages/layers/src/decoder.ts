import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { checkModel, checkOptions, isModel, type Rule } from '@tfjs-lrm/core/kit';
import { isStepping, type StepState } from './stepping.ts';

/** Continues sequences from where they are, step by step. */
export interface Decoder {
  /** How many steps it has seen. */
  readonly position: number;
  /**
   * The model's outputs for the next steps.
   *
   * @param ids [batch, time] of what comes next: a prompt at first, then one step after the other
   * @returns the model's outputs for these steps, as it would compute them with all earlier steps; the caller disposes
   *   of it
   * @throws RangeError for another batch than that of the steps before
   */
  step(ids: tf.Tensor): tf.Tensor;
  /** Forgets all steps, for new sequences. */
  reset(): void;
  /** Frees the remembered state; the model stays. */
  dispose(): void;
}

/** Options of {@link decoder}. */
export interface DecoderOptions {
  /** Class names of your own layers whose output at a step depends on that step alone. */
  readonly stepwise?: readonly string[] | undefined;
}

/** Layers of tfjs and ours whose output at a step depends on that step alone. */
const STEPWISE: readonly string[] = [
  'InputLayer',
  'Dense',
  'Embedding',
  'Activation',
  'ReLU',
  'LeakyReLU',
  'ELU',
  'ThresholdedReLU',
  'Softmax',
  'Dropout',
  'GaussianNoise',
  'GaussianDropout',
  'AlphaDropout',
  'Add',
  'Average',
  'Maximum',
  'Minimum',
  'Multiply',
  'BatchNormalization',
  'TimeDistributed',
  'LrmRmsNorm',
  'LrmGatedProduct',
];

/** One layer's call in the model. */
interface Call {
  readonly layer: layers.Layer;
  readonly inputs: readonly SymbolicTensor[];
  readonly output: SymbolicTensor;
}

const isStrings: Rule = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')
    ? null
    : { must: 'be an array of class names', try: "['MyLayer']" };

/** Whether a layer reads one step at a time; layer norms do where they normalise the last axis. */
function isStepwise(layer: layers.Layer, own: readonly string[]): boolean {
  const className = layer.getClassName();
  if (STEPWISE.includes(className) || own.includes(className)) return true;
  const inside = (layer as { layer?: layers.Layer }).layer;
  if (inside !== undefined && className === 'LrmMultipliers') return isStepwise(inside, own);
  const { axis } = layer.getConfig() as { axis?: number | number[] };
  const last = [axis].flat().every((each) => each === -1 || each === 2);
  return ['LayerNormalization', 'Concatenate'].includes(className) && last;
}

/** All calls of layers that a model makes, in an order in which they can be made. */
function callsOf(model: LayersModel, own: readonly string[]): Call[] {
  const calls: Call[] = [];
  const seen = new Set<SymbolicTensor>(model.inputs);
  const visit = (tensor: SymbolicTensor): void => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    const layer = tensor.sourceLayer;
    const node = layer.inboundNodes[tensor.nodeIndex] as { inputTensors: SymbolicTensor[] };
    if (isModel(layer)) {
      throw new RangeError(
        `decoder: the model must not hold other models. Received "${layer.name}" inside of "${model.name}". Try one functional model of all its layers.`,
      );
    }
    if (!isStepping(layer) && !isStepwise(layer, own)) {
      throw new RangeError(
        `decoder: every layer must read one step at a time, or remember steps before. Received "${layer.name}" (${layer.getClassName()}). Try { stepwise: ['${layer.getClassName()}'] } if it reads one step at a time.`,
      );
    }
    for (const input of node.inputTensors) visit(input);
    calls.push({ layer, inputs: node.inputTensors, output: tensor });
  };
  for (const output of model.outputs) visit(output);
  return calls;
}

/**
 * Writes with a language model without computing anything twice: attention keeps its keys and values, Mamba2 its
 * state, and each call computes the new steps alone. For n steps that is n times one step, where the model by itself
 * computes 1 + 2 + … + n.
 *
 * The model reads ids and gives one output; beside {@link causalSelfAttention} and {@link mamba2} its layers must read
 * one step at a time, as Dense, Embedding, norms over the last axis and sums do. Weights may change between
 * calls, but what is remembered stays as it was computed. Masks play no part: prompts of a batch are equally long.
 *
 * @param model a functional model or a Sequential, with or without multipliers
 * @param options stepwise: class names of further layers that read one step at a time
 * @throws TypeError for something that is not a model with one input and one output; RangeError for a layer that
 *   mixes steps in another way
 * @example
 * const input = tf.input({ shape: [null] });
 * const x = tf.layers.embedding({ inputDim: 9, outputDim: 8 }).apply(input);
 * const writer = decoder(tf.model({ inputs: input, outputs: causalSelfAttention({ heads: 2 }).apply([x, x, x]) }));
 * writer.step(tf.tensor2d([[1, 2, 3]])); // [1, 3, 8]
 * writer.step(tf.tensor2d([[4]]));       // [1, 1, 8], with the three before
 * writer.dispose();
 */
export function decoder(model: LayersModel, options: DecoderOptions = {}): Decoder {
  checkModel('decoder', model, 'decoder(tf.model({ inputs, outputs }))');
  checkOptions('decoder', options, { stepwise: isStrings });
  if (model.inputs.length !== 1 || model.outputs.length !== 1) {
    throw new TypeError(
      `decoder: the model must have one input and one output. Received ${model.inputs.length} and ${model.outputs.length}.`,
    );
  }
  const calls = callsOf(model, options.stepwise ?? []);
  let states = new Map<Call, StepState>();
  let position = 0;
  let batch: number | null = null;

  const tensorsOf = (some: ReadonlyMap<Call, StepState>): tf.Tensor[] =>
    [...some.values()].flatMap(({ tensors }) => tensors);

  const reset = (): void => {
    tf.dispose(tensorsOf(states));
    states = new Map();
    position = 0;
    batch = null;
  };

  const step = (ids: tf.Tensor): tf.Tensor => {
    const [rows, time] = ids.shape as [number, number];
    if (batch !== null && rows !== batch) {
      throw new RangeError(
        `decoder: every step must have the batch of the first. Received ${rows} sequences after ${batch}. Try reset() before new sequences.`,
      );
    }
    const next = new Map<Call, StepState>();
    const output = tf.tidy(() => {
      const values = new Map<SymbolicTensor, tf.Tensor>([[model.inputs[0] as SymbolicTensor, ids]]);
      for (const call of calls) {
        const inputs = call.inputs.map((input) => values.get(input) as tf.Tensor);
        if (isStepping(call.layer)) {
          const { output: value, state } = call.layer.step(inputs, states.get(call) ?? null);
          next.set(call, state);
          values.set(call.output, value);
        } else {
          const argument = inputs.length === 1 ? (inputs[0] as tf.Tensor) : inputs;
          values.set(call.output, call.layer.apply(argument) as tf.Tensor);
        }
      }
      for (const tensor of tensorsOf(next)) tf.keep(tensor);
      return values.get(model.outputs[0] as SymbolicTensor) as tf.Tensor;
    });
    const kept = new Set(tensorsOf(next));
    tf.dispose(tensorsOf(states).filter((tensor) => !kept.has(tensor)));
    states = next;
    position += time;
    batch = rows;
    return output;
  };

  return {
    get position() {
      return position;
    },
    step,
    reset,
    dispose: reset,
  };
}
