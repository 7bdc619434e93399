/** What recording needs of tfjs-node's backend and of tfjs' engine, beyond their public types. */
import * as tf from '@tensorflow/tfjs-core';

/** An attribute as tfjs-node hands it to the addon. */
export interface Attribute {
  readonly name: string;
  /** One of the addon's `TF_ATTR_*`. */
  readonly type: number;
  readonly value: unknown;
}

/** A tensor of TensorFlow, as the addon describes it. */
export interface Output {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export type Values = ArrayLike<number> | string[];

/** The addon, linked by this package. */
export interface Addon {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  executeOp(name: string, attributes: readonly Attribute[], ids: number[], n: number): Output[];
  translate(
    name: string,
    attributes: readonly Attribute[],
    ids: number[],
  ): [name: string, attributes: readonly Attribute[], ids: number[]];
  createTensor(shape: number[], dtype: number, values: Values): number;
  deleteTensor(id: number): void;
  /** The OpDef of an operation. */
  definition(operation: string): Uint8Array | undefined;
  addFunction(name: string, graph: Uint8Array, inputs: string[], outputs: string[]): void;
  removeFunction(name: string): void;
}

interface Stored {
  readonly shape: number[];
  readonly dtype: number;
  id: number;
  /** Values that no operation has asked for yet; the tensor is made with the first one that does. */
  values: Values | null;
  refCount: number;
}

/** The backend of tfjs-node. */
export interface NodeBackend extends tf.KernelBackend {
  binding: Addon;
  readonly tensorMap: {
    get(dataId: object): Stored;
    set(dataId: object, stored: Stored): void;
    has(dataId: object): boolean;
  };
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(output: Output): tf.Tensor;
  incRef(dataId: object): void;
}

/** The engine of tfjs. */
export interface Engine {
  readonly registeredVariables: Readonly<Record<string, tf.Variable>>;
  readonly state: {
    readonly gradientDepth: number;
    readonly scopeStack: readonly { readonly name: string }[];
    readonly activeScope: { readonly name: string } | null;
  };
  runKernel(name: string, inputs: object, attributes?: object): unknown;
  keep<T extends tf.Tensor>(tensor: T): T;
  makeTensorFromTensorInfo(info: tf.TensorInfo, backend: tf.KernelBackend): tf.Tensor;
  disposeTensor(tensor: tf.Tensor): void;
  incRef(tensor: tf.Tensor, backend: tf.KernelBackend): void;
}

export const engine = (): Engine => tf.engine() as unknown as Engine;

/** @throws Error when another backend is the current one */
export function nodeBackend(where: string): NodeBackend {
  if (tf.getBackend() !== 'tensorflow') {
    throw new Error(
      `${where}: the current backend must be 'tensorflow'. Received '${tf.getBackend()}'. ` +
        "Try await tf.setBackend('tensorflow').",
    );
  }
  const backend = tf.backend() as NodeBackend;
  if (typeof backend.binding.definition !== 'function') {
    throw new Error(
      `${where}: tfjs-node must be linked by this version of @tfjs-lrm/native. Received an addon of an older one. ` +
        'Try npx @tfjs-lrm/native link.',
    );
  }
  return backend;
}

/** Gives a variable a tensor of TensorFlow as its value, as `assign` does but with no tensor in between. */
export function replaceValue(backend: NodeBackend, variable: tf.Variable, output: Output): void {
  const dataId = {};
  const { id, shape, dtype } = output;
  backend.tensorMap.set(dataId, { id, shape, dtype, values: null, refCount: 0 });
  engine().disposeTensor(variable);
  // A new identity, because whoever remembers a variable's value knows by it that the value is another.
  variable.dataId = dataId;
  engine().incRef(variable, backend);
}

/** A tensor of its own with the same values. */
export function copyOf(backend: NodeBackend, tensor: tf.TensorInfo): Output {
  const { binding } = backend;
  const ids = backend.getInputTensorIds([tensor]);
  const { dtype } = backend.tensorMap.get(tensor.dataId);
  const attributes = [{ name: 'T', type: binding.TF_ATTR_TYPE, value: dtype }];
  return binding.executeOp('Identity', attributes, ids, 1)[0] as Output;
}

/** Keeps the values of a tensor alive, whatever becomes of the tensor. */
export function hold(backend: NodeBackend, { dataId, shape, dtype }: tf.TensorInfo): tf.Tensor {
  backend.incRef(dataId);
  const held = engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, backend);
  // Not by tf.keep, which is being watched while a step is recorded.
  (held as unknown as { kept: boolean }).kept = true;
  return held;
}
