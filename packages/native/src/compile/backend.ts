/** tfjs-node's backend, and values of tensors in it. */
import * as tf from '@tensorflow/tfjs-core';
import type { Output } from './addon.ts';
import { engine, keepSilently, type NodeBackend } from './internals.ts';

/** What this package adds to the addon of tfjs-node. */
const ADDED = ['translate', 'definition', 'addFunction', 'removeFunction', 'callFunction'] as const;

/** @throws Error when another backend is the current one */
export function nodeBackend(where: string): NodeBackend {
  if (tf.getBackend() !== 'tensorflow') {
    throw new Error(
      `${where}: the current backend must be 'tensorflow'. Received '${tf.getBackend()}'. ` +
        "Try await tf.setBackend('tensorflow').",
    );
  }
  const backend = tf.backend() as NodeBackend;
  if (ADDED.some((name) => typeof backend.binding[name] !== 'function')) {
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
  keepSilently(held);
  return held;
}
