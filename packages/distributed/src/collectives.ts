/** TensorFlow's operations of several workers, on tensors and on values of JavaScript. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Addon, Attribute, NodeBackend, Output } from '@tfjs-lrm/native/kit';
import { type Call, callInStep, callOf, GROUP } from './keys.ts';

export interface Span {
  /** The number of workers. */
  readonly size: number;
  /** How long each waits for the others, in seconds. */
  readonly timeout: number;
}

/** A call, and the type of its values as a number of TensorFlow. */
interface TypedCall extends Call {
  readonly dtype: number;
}

function attributes(addon: Addon, size: number, { key, dtype }: TypedCall): Attribute[] {
  return [
    { name: 'group_size', type: addon.TF_ATTR_INT, value: size },
    { name: 'group_key', type: addon.TF_ATTR_INT, value: GROUP },
    { name: 'instance_key', type: addon.TF_ATTR_INT, value: key },
    { name: 'T', type: addon.TF_ATTR_TYPE, value: dtype },
  ];
}

function reduction(addon: Addon, final: 'Id' | 'Div'): Attribute[] {
  return [
    { name: 'merge_op', type: addon.TF_ATTR_STRING, value: 'Add' },
    { name: 'final_op', type: addon.TF_ATTR_STRING, value: final },
    { name: 'subdiv_offsets', type: addon.TF_ATTR_INT, value: [0] },
  ];
}

/**
 * Runs an operation of several workers that must end within a time, which begins when the input has been computed. The
 * addon watches it: TensorFlow's own `timeout_seconds` frees memory that the operation still uses.
 *
 * @param input the addon's number of a tensor
 */
function inTime(
  addon: Addon,
  { name, dtype }: TypedCall,
  timeout: number,
  input: number,
  run: (input: number) => Output[],
): Output {
  const deadline = (id: number, seconds: number): Output => {
    const options = [
      { name: 'call', type: addon.TF_ATTR_STRING, value: name },
      { name: 'seconds', type: addon.TF_ATTR_FLOAT, value: seconds },
      { name: 'T', type: addon.TF_ATTR_TYPE, value: dtype },
    ];
    return addon.executeOp('LrmDeadline', options, [id], 1)[0] as Output;
  };
  const { id } = deadline(input, timeout);
  try {
    const [output] = run(id) as [Output];
    try {
      return deadline(output.id, 0);
    } finally {
      addon.deleteTensor(output.id);
    }
  } finally {
    addon.deleteTensor(id);
  }
}

/** The sum or mean of a tensor over the workers. */
export function reduced(
  backend: NodeBackend,
  span: Span,
  tensor: tf.Tensor,
  { name, mean, key }: { name: string; mean: boolean; key?: number | undefined },
): tf.Tensor {
  const { binding: addon } = backend;
  const { dtype, shape } = tensor;
  const called = `${name} ${mean ? 'mean' : 'sum'} ${dtype}[${shape}]`;
  const call = {
    ...(key === undefined ? callInStep(called) : { name: `${called} with key ${key}`, key }),
    dtype: dtype === 'int32' ? addon.TF_INT32 : addon.TF_FLOAT,
  };
  const all = [...attributes(addon, span.size, call), ...reduction(addon, mean ? 'Div' : 'Id')];
  const [input] = backend.getInputTensorIds([tensor]) as [number];
  const output = inTime(addon, call, span.timeout, input, (id) =>
    addon.executeOp('CollectiveReduce', all, [id], 1),
  );
  return backend.createOutputTensor(output);
}

/** What values of JavaScript are exchanged as. */
type Numbers = Float32Array | Int32Array | Uint8Array;

const typeOf = (addon: Addon, values: Numbers): number => {
  if (values instanceof Float32Array) return addon.TF_FLOAT;
  return values instanceof Int32Array ? addon.TF_INT32 : addon.TF_BOOL;
};

/** Values of JavaScript through the addon alone, so that it can be done while a step is recorded. */
export class Exchange {
  readonly #addon: Addon;
  readonly #span: Span;

  constructor(addon: Addon, span: Span) {
    this.#addon = addon;
    this.#span = span;
  }

  /** The sums over the workers. Waits for them. */
  sum<T extends Float32Array | Int32Array>(
    name: string,
    values: T,
    timeout: number = this.#span.timeout,
  ): T {
    return this.#run(
      `${name} sum of ${values.length}`,
      'CollectiveReduce',
      values,
      values.length,
      timeout,
      reduction(this.#addon, 'Id'),
    );
  }

  /** What worker 0 holds. Waits for it. */
  fromFirst<T extends Numbers>(name: string, values: T, isFirst: boolean): T {
    const { length } = values;
    const { TF_ATTR_SHAPE } = this.#addon;
    const shape = [{ name: 'shape', type: TF_ATTR_SHAPE, value: [length] }];
    const operation = isFirst ? 'CollectiveBcastSend' : 'CollectiveBcastRecv';
    return this.#run(
      `${name} of ${values.constructor.name} ${length}`,
      operation,
      values,
      length,
      this.#span.timeout,
      shape,
    );
  }

  #run<T extends Numbers>(
    name: string,
    operation: string,
    values: T,
    length: number,
    timeout: number,
    more: readonly Attribute[],
  ): T {
    const addon = this.#addon;
    const call = { ...callOf(name), dtype: typeOf(addon, values) };
    const all = [...attributes(addon, this.#span.size, call), ...more];
    const input = addon.createTensor([length], call.dtype, values);
    try {
      const { id } = inTime(addon, call, timeout, input, (sent) =>
        addon.executeOp(operation, all, operation.endsWith('Recv') ? [] : [sent], 1),
      );
      try {
        return addon.tensorDataSync(id) as T;
      } finally {
        addon.deleteTensor(id);
      }
    } finally {
      addon.deleteTensor(input);
    }
  }
}
