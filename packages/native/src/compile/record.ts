/** Records a step: runs it operation by operation, and writes down the graph of what it ran. */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import type { Addon, Attribute, Output, Values } from './addon.ts';
import { copyOf, hold } from './backend.ts';
import type { Constants } from './constants.ts';
import { drawNodes } from './draw-nodes.ts';
import { type Graph, makeGraph, type Reference } from './graph.ts';
import { inferAttributes } from './inference.ts';
import type { NodeBackend } from './internals.ts';
import type { KeptTensors } from './kept-tensors.ts';
import * as mistakes from './mistakes.ts';
import type { Optimizers } from './optimizers.ts';
import type { Place } from './place.ts';
import { addProduct } from './products.ts';
import type { Draw } from './random.ts';
import type { Recording, Source } from './recording.ts';
import { checkSame } from './same-recording.ts';
import { VariableValues } from './variable-values.ts';
import { type Watcher, watch } from './watch.ts';

export interface Recorded {
  readonly results: readonly tf.Tensor[];
  readonly optimizers: Optimizers;
  readonly kept: ReadonlySet<tf.Tensor>;
  /** Null when this call cannot be repeated as it is, because it made variables or new constants. */
  readonly recording: Recording | null;
}

/** One attempt at recording a step. */
export interface Attempt {
  /** What calls before have made in JavaScript; what is new in this one is added. */
  readonly constants: Constants;
  readonly kept: KeptTensors;
  /** Whether something that this call cannot repeat is an error, rather than a reason to try again. */
  readonly isLast: boolean;
  /** Whether XLA compiles the step. */
  readonly isForXla: boolean;
  /** Optimizers whose `beforeStep` has run in this call. */
  readonly prepared: ReadonlySet<TensorOptimizer>;
  /** The number of the call, from which random numbers are made. */
  readonly call: number;
  /** The recording that this one must equal, where one is checked. */
  readonly expected?: Recording;
}

/** Runs `step` once on a batch, as a recording. An error leaves all variables as they were. */
export function record(
  backend: NodeBackend,
  step: (batch: readonly (tf.Tensor | null)[]) => tf.Tensor[],
  batch: readonly (tf.Tensor | null)[],
  attempt: Attempt,
): Recorded {
  const recorder = new Recorder(backend, batch, attempt);
  try {
    const { result, optimizers, kept } = watch(
      backend,
      () => {
        const results = step(recorder.batch);
        recorder.settle(results);
        return results;
      },
      attempt.prepared,
      (place) => recorder.at(place),
    );
    const recording = recorder.finish(result);
    if (attempt.expected !== undefined && recording !== null) {
      recorder.release(() => true);
      checkSame(recording, attempt.expected);
    }
    return { results: result, optimizers, kept, recording };
  } catch (error) {
    recorder.abandon();
    throw error;
  } finally {
    recorder.dispose();
  }
}

/** An output of a node, and its type. */
interface Value {
  readonly reference: Reference;
  readonly dtype: number;
}

/** Operations that return as many elements as the values of their inputs say. */
const VALUE_SHAPED = new Set([
  ...['ListDiff', 'Unique', 'UniqueV2', 'UniqueWithCounts', 'Where'],
  ...['NonMaxSuppressionV3', 'NonMaxSuppressionV4', 'NonMaxSuppressionV5'],
]);

const isPadded = (attributes: readonly Attribute[]): boolean =>
  attributes.some(({ name, value }) => name === 'pad_to_max_output_size' && value === true);

class Recorder implements Watcher {
  /** The arguments of the step: copies, so that one is told from a variable with the same value. */
  readonly batch: readonly (tf.Tensor | null)[];
  readonly #backend: NodeBackend;
  readonly #addon: Addon;
  readonly #attempt: Attempt;
  readonly #graph: Graph;
  readonly #variables: VariableValues;
  /** The graph's references for tensors, by the addon's number of the tensor. */
  readonly #values = new Map<number, Value>();
  /** The tensors that were inputs of operations, by the addon's number of them. */
  readonly #operands = new Map<number, tf.TensorInfo>();
  readonly #sources = new Map<Reference, Source>();
  /** The inputs of the function, by what identifies their source. */
  readonly #inputs = new Map<object, Value>();
  /** Outputs of operations that are outputs of the function. */
  readonly #returned = new Set<Reference>();
  readonly #operations: string[] = [];
  readonly #streams: number[] = [];
  #isRepeatable = true;
  #place: Place | null = null;

  constructor(backend: NodeBackend, batch: readonly (tf.Tensor | null)[], attempt: Attempt) {
    this.#backend = backend;
    this.#addon = backend.binding;
    this.#attempt = attempt;
    this.#graph = makeGraph(backend.binding);
    this.#variables = new VariableValues(backend);
    this.batch = batch.map((tensor) =>
      tensor === null ? null : backend.createOutputTensor(copyOf(backend, tensor)),
    );
  }

  get isForXla(): boolean {
    return this.#attempt.isForXla;
  }

  /** Reports the current place in the step. */
  at(place: Place): this {
    this.#place = place;
    return this;
  }

  operand(id: number, tensor: tf.TensorInfo): void {
    this.#operands.set(id, tensor);
  }

  hostHalf(run: () => void): void {
    this.#variables.outsideStep(run);
  }

  execute(op: string, attributes: readonly Attribute[], ids: number[], n: number): Output[] {
    if (VALUE_SHAPED.has(op) && !isPadded(attributes)) {
      throw mistakes.valueShaped(op, this.#where());
    }
    const inputs = ids.map((id) => this.#valueOf(id));
    this.#operations.push(op);
    const outputs = this.#addon.executeOp(op, attributes, ids, n);
    const types = inputs.map(({ dtype }) => dtype);
    const inferred = inferAttributes(this.#addon, op, attributes, types);
    const operands = inputs.map(({ reference }, i) => {
      const shape = this.#operands.get(ids[i] as number)?.shape;
      return shape === undefined ? null : { reference, shape };
    });
    const [first] = outputs as [Output];
    const product = addProduct(this.#addon, this.#graph, op, inferred, operands, first);
    if (product !== null) {
      this.#values.set(first.id, { reference: product, dtype: first.dtype });
      return outputs;
    }
    const references = inputs.map(({ reference }) => reference);
    const name = this.#graph.add(op, inferred, references);
    outputs.forEach(({ id, dtype }, i) => {
      this.#values.set(id, { reference: `${name}:${i}`, dtype });
    });
    return outputs;
  }

  create(shape: number[], dtype: number, values: Values, draw: Draw | undefined): number {
    if (draw !== undefined) return this.#random(shape, dtype, draw);
    const { constants, isLast } = this.#attempt;
    if (!constants.has(shape, dtype, values)) {
      if (isLast) throw mistakes.changing(shape, values, this.#where());
      this.#isRepeatable = false;
      constants.add(shape, dtype, values);
    }
    return this.#constant(shape, dtype, values);
  }

  /** Has TensorFlow make the results and new values that no operation has used yet. */
  settle(results: readonly tf.Tensor[]): void {
    this.#backend.getInputTensorIds([...results, ...this.#variables.assigned()]);
  }

  /** The recording; null when this call cannot be repeated as it is. */
  finish(results: readonly tf.Tensor[]): Recording | null {
    const disposed = this.#variables.disposed();
    if (disposed !== undefined) throw mistakes.disposing(disposed.name);
    const created = this.#variables.created();
    if (created.length > 0 && this.#attempt.isLast) throw mistakes.creating(created);
    if (created.length > 0 || !this.#isRepeatable) {
      this.release(() => true);
      return null;
    }
    const changed = this.#variables.assigned();
    const outputs = [...results, ...changed].map((tensor) => this.#output(tensor));
    const { definition, used } = this.#graph.finish([...this.#sources.keys()], outputs);
    this.release((reference) => !used.has(reference));
    const inputs = [...this.#sources]
      .map(([reference, source]) => ({ reference, source }))
      .filter(({ reference }) => used.has(reference));
    return {
      definition,
      inputs,
      outputs,
      results: results.length,
      changed,
      operations: this.#operations,
      streams: this.#streams,
    };
  }

  /** Restores all variables and frees what the recording holds. */
  abandon(): void {
    this.#variables.restore();
    this.release(() => true);
  }

  dispose(): void {
    this.#variables.dispose();
    tf.dispose(this.batch.filter((copy) => copy !== null));
  }

  #where(): string {
    return (this.#place as Place).describe();
  }

  #valueOf(id: number): Value {
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    const value = this.#outside(id);
    this.#values.set(id, value);
    return value;
  }

  /**
   * A tensor that no operation of the step has made: from the batch, a variable, or a tensor that the step captured.
   */
  #outside(id: number): Value {
    const tensor = this.#operands.get(id);
    if (tensor === undefined) {
      throw new Error(
        `compile: an operation has an input that no tensor of the step holds (${id}).`,
      );
    }
    const { dataId } = tensor;
    const { dtype } = this.#backend.tensorMap.get(dataId);
    const index = this.batch.findIndex((copy) => copy?.dataId === dataId);
    if (index >= 0) {
      return this.#input(this.batch[index] as object, dtype, () => ({ kind: 'argument', index }));
    }
    const variable = this.#variables.owner(dataId);
    if (variable !== undefined) {
      return this.#input(variable, dtype, () => ({ kind: 'variable', variable }));
    }
    return this.#input(dataId, dtype, () => {
      // What one call keeps for the next is state; what it keeps for all later calls is a constant.
      const { kept, isLast } = this.#attempt;
      if (kept.isUnused(dataId)) {
        if (isLast) throw mistakes.carried(tensor.shape, this.#where());
        this.#isRepeatable = false;
        kept.use(dataId);
      }
      return { kind: 'captured', tensor: hold(this.#backend, tensor) };
    });
  }

  /** The input of the function with this source. */
  #input(key: object, dtype: number, source: () => Source): Value {
    const known = this.#inputs.get(key);
    if (known !== undefined) return known;
    const from = source();
    const value = { reference: this.#graph.input(dtype), dtype };
    this.#inputs.set(key, value);
    this.#sources.set(value.reference, from);
    return value;
  }

  #constant(shape: number[], dtype: number, values: Values): number {
    const id = this.#addon.createTensor(shape, dtype, values);
    this.#values.set(id, { reference: this.#graph.constant(dtype, shape, values), dtype });
    return id;
  }

  #random(shape: number[], dtype: number, draw: Draw): number {
    const { TF_INT32 } = this.#addon;
    const call = this.#addon.createTensor([], TF_INT32, Int32Array.of(this.#attempt.call));
    this.#values.set(
      call,
      this.#input(this.#addon, TF_INT32, () => ({ kind: 'counter' })),
    );
    const stream = this.#newStream(draw.seed);
    const nodes = {
      run: (op: string, attributes: readonly Attribute[], ids: number[]): number =>
        (this.execute(op, attributes, ids, 1)[0] as Output).id,
      constant: (size: number[], type: number, values: Values): number =>
        this.#constant(size, type, values),
    };
    return drawNodes(this.#addon, nodes, draw, { shape, dtype, stream, call });
  }

  /** Each draw has its own stream, and each call its own number within it. */
  #newStream(seed: number | null): number {
    const index = this.#streams.length;
    const stream =
      seed === null
        ? (this.#attempt.expected?.streams[index] ?? Math.floor(Math.random() * 2 ** 32))
        : seed + 0x9e3779b9 * (index + 1);
    this.#streams.push(stream);
    return stream;
  }

  /** An output of its own: not an input, and not another output. */
  #output({ dataId }: tf.TensorInfo): Reference {
    const { id, dtype } = this.#backend.tensorMap.get(dataId);
    const { reference } = this.#valueOf(id);
    if (!this.#sources.has(reference) && !this.#returned.has(reference)) {
      this.#returned.add(reference);
      return reference;
    }
    const type = { name: 'T', type: this.#addon.TF_ATTR_TYPE, value: dtype };
    return `${this.#graph.add('Identity', [type], [reference])}:0`;
  }

  /** Frees captured tensors of inputs. */
  release(isUnused: (reference: Reference) => boolean): void {
    for (const [reference, source] of this.#sources) {
      if (source.kind === 'captured' && isUnused(reference)) source.tensor.dispose();
    }
  }
}
