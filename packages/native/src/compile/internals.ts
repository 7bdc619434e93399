/**
 * All of tfjs, tfjs-layers and tfjs-node that this folder uses beyond their public types. A test looks each of them up
 * in what is installed.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import type * as layers from '@tensorflow/tfjs-layers';
import type { Addon, Output, Values } from './addon.ts';

/** The engine of tfjs. */
export interface Engine {
  readonly registeredVariables: Readonly<Record<string, tf.Variable>>;
  readonly state: {
    readonly gradientDepth: number;
    /** What the engine knows of the data of tensors. */
    readonly tensorInfo: Pick<WeakMap<object, object>, 'get' | 'set' | 'delete'>;
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

/** What tfjs adds to the name of an operation to name its scope. */
export const SCOPE_SUFFIX = '__op';

/** What tfjs-node knows of a tensor. */
export interface Stored {
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
  /** What is known of each tensor, by its data. */
  readonly tensorMap: {
    /** What is known of a tensor; throws where there is none. */
    get(dataId: object): Stored;
    /** Says what is known of a tensor. */
    set(dataId: object, stored: Stored): void;
    /** Whether there is such a tensor. */
    has(dataId: object): boolean;
    /** Forgets a tensor, which stays in the addon. */
    delete(dataId: object): boolean;
  };
  /** The addon's numbers of tensors; makes those whose values no operation has asked for yet. */
  getInputTensorIds(tensors: readonly Pick<tf.TensorInfo, 'dataId'>[]): number[];
  /** What the addon has returned, as a tensor of tfjs. */
  createOutputTensor(output: Output): tf.Tensor;
  /** Keeps the data of a tensor for one more that shares it. */
  incRef(dataId: object): void;
}

/** Protects a tensor from `tf.tidy`, as `tf.keep` does; that is watched while a step is recorded. */
export function keepSilently(tensor: tf.Tensor): void {
  (tensor as unknown as { kept: boolean }).kept = true;
}

export function setIterations(optimizer: tf.Optimizer, count: number): void {
  (optimizer as unknown as { iterations_: number }).iterations_ = count;
}

export function incrementIterations(optimizer: tf.Optimizer): void {
  (optimizer as unknown as { incrementIterations(): void }).incrementIterations();
}

/** The fields of an optimizer of tfjs: its numbers, and its slots with their variables. */
export function fieldsOf(optimizer: tf.Optimizer): unknown[] {
  return Object.entries(optimizer).flatMap(([name, value]: [string, unknown]) => {
    if (name === 'iterations_') return [];
    if (Array.isArray(value)) return value.map((slot) => slot?.variable ?? slot);
    return typeof value === 'function' ? [] : [value];
  });
}

export type Batch = (tf.Tensor | null)[];

/** What makes the functions of a model that run a batch. */
export interface BatchMethods {
  makeTrainFunction(): (data: Batch) => tf.Tensor[];
  makeTestFunction(): (data: Batch) => tf.Tensor[];
  predictLoop(inputs: tf.Tensor | tf.Tensor[], batchSize?: number): tf.Tensor | tf.Tensor[];
  compile(...args: unknown[]): void;
}

/** A model that runs batches itself, and not one inside it. */
export interface BatchModel extends BatchMethods {
  readonly optimizer: tf.Optimizer;
  testFunction: (data: Batch) => tf.Tensor[];
}

/** A Sequential, which hands batches to a model inside it. */
export interface SequentialModel {
  model?: BatchModel | null;
}

/** tfjs-layers, as the installed tfjs uses it; null where it is not installed. */
export function tfjsLayers(): typeof layers | null {
  try {
    return createRequire(import.meta.url)('@tensorflow/tfjs-layers') as typeof layers;
  } catch {
    return null;
  }
}

/** Whether a model is a Sequential, of its own class or of one that extends it. */
export function isSequential(model: layers.LayersModel): boolean {
  const Sequential = tfjsLayers()?.Sequential;
  return Sequential !== undefined && model instanceof Sequential;
}

/** What tfjs draws random numbers with: UniformRandom and MPRandGauss of tfjs-core. */
export interface Generator {
  nextValue(): number;
  readonly dtype?: string | null;
  readonly min?: number;
  readonly range?: number;
  readonly mean?: number;
  readonly stdDev?: number;
  readonly truncated?: boolean;
}

let known: readonly Generator[] | null = null;

/** The prototypes of both. */
export function randomGenerators(): readonly Generator[] {
  if (known !== null) return known;
  // Nobody exports the two classes. Each of their constructors sets `random`, which a setter that all objects
  // inherit sees; it is there for these two lines only, in which no other code can run.
  const generators = new Set<Generator>();
  Object.defineProperty(Object.prototype, 'random', {
    configurable: true,
    set(this: object, value: unknown) {
      generators.add(Object.getPrototypeOf(this) as Generator);
      Object.defineProperty(this, 'random', { value, writable: true, configurable: true });
    },
  });
  try {
    tf.dispose([tf.randomUniform([1]), tf.randomNormal([1])]);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'random');
  }
  known = [...generators];
  return known;
}
