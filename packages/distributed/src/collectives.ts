/** TensorFlow's operations of several workers, on tensors and on values of JavaScript. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Addon, Attribute, NodeBackend, Output } from '@tfjs-lrm/native/kit';
import { GROUP, keyInStep, keyOf } from './keys.ts';

export interface Span {
  /** The number of workers. */
  readonly size: number;
  /** How long each waits for the others, in seconds. */
  readonly timeout: number;
}

function attributes(
  addon: Addon,
  { size, timeout }: Span,
  key: number,
  dtype: number,
): Attribute[] {
  return [
    { name: 'group_size', type: addon.TF_ATTR_INT, value: size },
    { name: 'group_key', type: addon.TF_ATTR_INT, value: GROUP },
    { name: 'instance_key', type: addon.TF_ATTR_INT, value: key },
    { name: 'timeout_seconds', type: addon.TF_ATTR_FLOAT, value: timeout },
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

/** The sum or mean of a tensor over the workers. */
export function reduced(
  backend: NodeBackend,
  span: Span,
  tensor: tf.Tensor,
  { name, mean, key }: { name: string; mean: boolean; key?: number | undefined },
): tf.Tensor {
  const { binding: addon } = backend;
  const { dtype, shape } = tensor;
  const type = dtype === 'int32' ? addon.TF_INT32 : addon.TF_FLOAT;
  const call = `${name} ${mean ? 'mean' : 'sum'} ${dtype}[${shape}]`;
  const [output] = addon.executeOp(
    'CollectiveReduce',
    [
      ...attributes(addon, span, key ?? keyInStep(call), type),
      ...reduction(addon, mean ? 'Div' : 'Id'),
    ],
    backend.getInputTensorIds([tensor]),
    1,
  );
  return backend.createOutputTensor(output as Output);
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
    const type = typeOf(addon, values);
    const inputs = operation.endsWith('Recv') ? [] : [addon.createTensor([length], type, values)];
    const span = { ...this.#span, timeout };
    try {
      const all = [...attributes(addon, span, keyOf(`exchange ${name}`), type), ...more];
      const [{ id }] = addon.executeOp(operation, all, inputs, 1) as [Output];
      try {
        return addon.tensorDataSync(id) as T;
      } finally {
        addon.deleteTensor(id);
      }
    } finally {
      for (const id of inputs) addon.deleteTensor(id);
    }
  }
}
