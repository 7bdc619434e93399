/** Records a step: runs it operation by operation, and writes down the graph of what it ran. */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import {
  type Attribute,
  copyOf,
  engine,
  hold,
  type NodeBackend,
  type Output,
  replaceValue,
} from './backend.ts';
import type { Constants } from './constants.ts';
import { type Graph, makeGraph, type Reference } from './graph.ts';
import { inferAttributes } from './inference.ts';
import type { Optimizers } from './optimizers.ts';
import { addProduct } from './products.ts';
import type { Draw } from './random.ts';
import { watch } from './watch.ts';

/** Where an input of the function comes from in a call. */
export type Source =
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'variable'; readonly variable: tf.Variable }
  | { readonly kind: 'captured'; readonly tensor: tf.Tensor }
  | { readonly kind: 'counter' };

/** A recorded step as a graph, with where its inputs come from and where its outputs go. */
export interface Recording {
  readonly definition: Uint8Array;
  readonly inputs: readonly { readonly reference: Reference; readonly source: Source }[];
  /** The results, then the new values of `changed`. */
  readonly outputs: readonly Reference[];
  readonly results: number;
  readonly changed: readonly tf.Variable[];
  readonly nodes: number;
}

export interface Recorded {
  readonly results: readonly tf.Tensor[];
  readonly optimizers: Optimizers;
  readonly kept: ReadonlySet<tf.Tensor>;
  /** Null when this call cannot be repeated as it is, because it made variables or new constants. */
  readonly recording: Recording | null;
}

export interface Circumstances {
  /** What the call before has made in JavaScript. */
  readonly constants: Constants;
  /** Values of tensors that calls before have kept, and whether one of them has used them since. */
  readonly keptBefore: WeakMap<object, { isUsed: boolean }>;
  /** Whether constants that were not seen before are an error now. */
  readonly isLast: boolean;
  readonly done: ReadonlySet<TensorOptimizer>;
  /** The number of the call, from which random numbers are made. */
  readonly count: number;
}

/** Operations that return as many elements as the values of their inputs say. */
const VALUE_SHAPED = new Set([
  ...['ListDiff', 'Unique', 'UniqueV2', 'UniqueWithCounts', 'Where'],
  ...['NonMaxSuppressionV3', 'NonMaxSuppressionV4', 'NonMaxSuppressionV5'],
]);

const isPadded = (attributes: readonly Attribute[]): boolean =>
  attributes.some(({ name, value }) => name === 'pad_to_max_output_size' && value === true);

const registered = (): tf.Variable[] => Object.values(engine().registeredVariables);

export function record(
  backend: NodeBackend,
  step: (batch: readonly (tf.Tensor | null)[]) => tf.Tensor[],
  batch: readonly (tf.Tensor | null)[],
  { constants, keptBefore, isLast, done, count }: Circumstances,
): Recorded {
  const { binding: addon } = backend;
  const graph = makeGraph(addon);
  const made = new Map<number, Reference>();
  const dtypes = new Map<number, number>();
  const seen = new Map<number, tf.TensorInfo>();
  const inputs = new Map<Reference, Source>();
  const references = new Map<object, Reference>();
  let isSettled = true;
  let draws = 0;
  let where = (): string => '';

  unshare(backend);
  // What every variable holds without the step.
  const valuesNow = () => new Map(registered().map((variable) => [variable, variable.dataId]));
  const values = valuesNow();
  // Whose value it was before the step; by now others may have been assigned it.
  const owners = new Map([...values].map(([variable, value]) => [value, variable]));
  // Copies, so that an argument is told from a variable with the same value.
  const copies = batch.map((tensor) =>
    tensor === null ? null : backend.createOutputTensor(copyOf(backend, tensor)),
  );

  function input(source: Source, key: object, dtype: number): Reference {
    const known = references.get(key);
    if (known !== undefined) return known;
    const reference = graph.input(dtype);
    references.set(key, reference);
    inputs.set(reference, source);
    return reference;
  }

  // What no operation of the step has made is the batch's, a variable's, or a tensor that the step holds.
  function outside(id: number): Reference {
    const tensor = seen.get(id);
    if (tensor === undefined) {
      throw new Error(
        `compile: an operation has an input that no tensor of the step holds (${id}).`,
      );
    }
    const { dataId } = tensor;
    const { dtype } = backend.tensorMap.get(dataId);
    const index = copies.findIndex((copy) => copy?.dataId === dataId);
    if (index >= 0) return input({ kind: 'argument', index }, copies[index] as object, dtype);
    const variable = owners.get(dataId);
    if (variable !== undefined) return input({ kind: 'variable', variable }, variable, dtype);
    const known = references.get(dataId);
    if (known !== undefined) return known;
    const kept = keptBefore.get(dataId);
    // What one call keeps for the next is a state; what it keeps for all later ones is no more than a constant.
    if (kept?.isUsed === false) {
      if (isLast) throw carried(tensor.shape, where());
      isSettled = false;
      kept.isUsed = true;
    }
    return input({ kind: 'captured', tensor: hold(backend, tensor) }, dataId, dtype);
  }

  function execute(
    op: string,
    attributes: Parameters<Graph['add']>[1],
    ids: number[],
    n: number,
  ): Output[] {
    if (VALUE_SHAPED.has(op) && !isPadded(attributes)) throw valueShaped(op, where());
    const from = ids.map((id) => {
      const reference = made.get(id) ?? outside(id);
      made.set(id, reference);
      return reference;
    });
    const outputs = addon.executeOp(op, attributes, ids, n);
    const operands = from.map((reference, i) => {
      const shape = seen.get(ids[i] as number)?.shape;
      return shape === undefined ? null : { reference, shape };
    });
    const inferred = inferAttributes(addon, op, attributes, ids.map(typeOf));
    const product = addProduct(addon, graph, op, inferred, operands, outputs[0] as Output);
    if (product !== null) {
      made.set((outputs[0] as Output).id, product);
      dtypes.set((outputs[0] as Output).id, (outputs[0] as Output).dtype);
      return outputs;
    }
    const name = graph.add(op, inferred, from);
    outputs.forEach(({ id, dtype }, i) => {
      made.set(id, `${name}:${i}`);
      dtypes.set(id, dtype);
    });
    return outputs;
  }

  const typeOf = (id: number): number =>
    dtypes.get(id) ?? backend.tensorMap.get((seen.get(id) as tf.TensorInfo).dataId).dtype;

  function constant(
    shape: number[],
    dtype: number,
    content: Parameters<Graph['constant']>[2],
  ): number {
    const id = addon.createTensor(shape, dtype, content);
    made.set(id, graph.constant(dtype, shape, content));
    dtypes.set(id, dtype);
    return id;
  }

  function random(shape: number[], dtype: number, draw: Draw): number {
    const { TF_FLOAT, TF_INT32, TF_ATTR_TYPE, TF_ATTR_INT, TF_ATTR_BOOL } = addon;
    const type = (name: string, value: number) => ({ name, type: TF_ATTR_TYPE, value });
    const t = [type('T', TF_FLOAT)];
    const run = (op: string, attributes: typeof t, ids: number[]): number =>
      (execute(op, attributes, ids, 1)[0] as Output).id;
    const number = (value: number): number => constant([], TF_FLOAT, Float32Array.of(value));

    const counter = addon.createTensor([], TF_INT32, Int32Array.of(count));
    made.set(counter, input({ kind: 'counter' }, addon, TF_INT32));
    dtypes.set(counter, TF_INT32);
    draws += 1;
    // Each draw has a stream of its own, and each call another number of it.
    const stream =
      draw.seed === null ? Math.floor(Math.random() * 2 ** 32) : draw.seed + 0x9e3779b9 * draws;
    const key = run(
      'Pack',
      [
        type('T', TF_INT32),
        { name: 'axis', type: TF_ATTR_INT, value: 0 },
        { name: 'N', type: TF_ATTR_INT, value: 2 },
      ],
      [constant([], TF_INT32, Int32Array.of(stream | 0)), counter],
    );
    const types = [type('dtype', TF_FLOAT), type('T', TF_INT32), type('Tseed', TF_INT32)];
    const size = constant([shape.length], TF_INT32, Int32Array.from(shape));
    let id = run(draw.op, types, [size, key]);
    if (draw.scale !== 1) id = run('Mul', t, [id, number(draw.scale)]);
    if (draw.shift !== 0) id = run('AddV2', t, [id, number(draw.shift)]);
    if (draw.rounds) id = run('Round', t, [id]);
    if (dtype === TF_FLOAT) return id;
    const cast = [
      type('SrcT', TF_FLOAT),
      type('DstT', dtype),
      { name: 'Truncate', type: TF_ATTR_BOOL, value: false },
    ];
    return run('Cast', cast as typeof t, [id]);
  }

  /** Results and new values that no operation has used are made by TensorFlow only now. */
  function settle(results: readonly tf.Tensor[]): void {
    const changed = registered().filter((each) => values.get(each) !== each.dataId);
    backend.getInputTensorIds([...results, ...changed]);
  }

  /** An output that is no input and no other output. */
  function output({ dataId }: tf.TensorInfo): Reference {
    const { id, dtype } = backend.tensorMap.get(dataId);
    const type = { name: 'T', type: addon.TF_ATTR_TYPE, value: dtype };
    return `${graph.add('Identity', [type], [made.get(id) ?? outside(id)])}:0`;
  }

  function finish(results: readonly tf.Tensor[]): Recording | null {
    const now = registered();
    const isNew = now.some((variable) => !values.has(variable));
    const gone = [...values.keys()].find((variable) => variable.isDisposed);
    if (gone !== undefined) {
      throw new Error(
        `compile: a step must not dispose variables. Received one that disposes "${gone.name}". Try to dispose it outside.`,
      );
    }
    if (isNew && isLast) {
      const names = now.filter((variable) => !values.has(variable)).map(({ name }) => name);
      throw new Error(
        `compile: a step must not make variables in every call. Received one that makes ${names.join(', ')}. Try to make them outside, and assign to them.`,
      );
    }
    if (isNew || !isSettled) return null;
    const changed = now.filter((variable) => values.get(variable) !== variable.dataId);
    const outputs = [...results, ...changed].map(output);
    const { definition, used, size } = graph.finish([...inputs.keys()], outputs);
    const all = [...inputs].map(([reference, source]) => ({ reference, source }));
    for (const { reference, source } of all) {
      if (!used.has(reference)) release(source);
    }
    return {
      definition,
      inputs: all.filter(({ reference }) => used.has(reference)),
      outputs,
      results: results.length,
      changed,
      nodes: size,
    };
  }

  const former = new Map(
    registered().map((variable) => [variable, hold(backend, variable)] as const),
  );
  try {
    const { result, optimizers, kept } = watch(
      backend,
      () => {
        const results = step(copies);
        settle(results);
        return results;
      },
      done,
      (place) => {
        where = place.describe;
        return {
          execute,
          see: (id, tensor) => void seen.set(id, tensor),
          hostHalf(run) {
            const before = valuesNow();
            run();
            for (const [variable, value] of valuesNow()) {
              if (before.get(variable) === value) continue;
              values.set(variable, value);
              owners.set(value, variable);
              // Whoever wrote it remembers that, so an error takes it back to this.
              former.get(variable)?.dispose();
              former.set(variable, hold(backend, variable));
            }
          },
          create(shape, dtype, content, draw) {
            if (draw !== undefined) return random(shape, dtype, draw);
            if (!constants.has(shape, dtype, content)) {
              if (isLast) throw changing(shape, content, where());
              isSettled = false;
              constants.add(shape, dtype, content);
            }
            return constant(shape, dtype, content);
          },
        };
      },
    );
    const recording = finish(result);
    if (recording === null) for (const source of inputs.values()) release(source);
    return { results: result, optimizers, kept, recording };
  } catch (error) {
    for (const [variable, value] of former) if (!variable.isDisposed) variable.assign(value);
    for (const source of inputs.values()) release(source);
    throw error;
  } finally {
    tf.dispose([...former.values()]);
    tf.dispose(copies.filter((copy) => copy !== null));
  }
}

function release(source: Source): void {
  if (source.kind === 'captured') source.tensor.dispose();
}

// Variables that share a value with another tensor, as after `a.assign(b)`, would be taken for each other.
function unshare(backend: NodeBackend): void {
  for (const variable of registered()) {
    const stored = backend.tensorMap.has(variable.dataId)
      ? backend.tensorMap.get(variable.dataId)
      : null;
    if (stored !== null && stored.refCount > 1) {
      replaceValue(backend, variable, copyOf(backend, variable));
    }
  }
}

function valueShaped(op: string, place: string): Error {
  return new Error(
    `compile: shapes in a step must not depend on values, because a recording repeats those of its first call. Received the operation ${op}, in ${place}. Try to run it outside and to hand over what it returns, or tf.where.`,
  );
}

function changing(shape: readonly number[], content: unknown, place: string): Error {
  const what =
    shape.length === 0
      ? `the number ${(content as ArrayLike<number>)[0]}`
      : `a tensor of shape [${shape}]`;
  return new Error(
    `compile: values that a step makes in JavaScript must be the same in every call, because a recording repeats them. Received ${what}, made in ${place}, which no call before has made. Try to hand it over as an argument, or to hold it in a tf.variable that is assigned outside.`,
  );
}

function carried(shape: readonly number[], place: string): Error {
  return new Error(
    `compile: a step must hand tensors to its next call in variables only. Received one of shape [${shape}] that a call before has kept, used in ${place}. Try stateful: false for a recurrent layer, or tf.variable and assign.`,
  );
}
