/** What this package uses of tfjs beyond its types. A test names each one that the installed tfjs has no more. */
import { engine, type KernelBackend, type Tensor } from '@tensorflow/tfjs-core';

/** The engine's choice of backend, which `tf.setBackend` changes only asynchronously. */
export interface EngineBackends {
  backendName: string | null;
  backendInstance: KernelBackend | null;
  /** The backends that have started. */
  readonly registry: Readonly<Record<string, KernelBackend>>;
}

export const engineBackends = (): EngineBackends => engine() as unknown as EngineBackends;

/** The cpu backend advertises the native one with the first tensor on Node, and notes that it did. */
export interface CpuBackend extends KernelBackend {
  firstUse: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a method of any layer
export type Method = (this: any, ...args: any[]) => any;

/** What reads a weight: a `tf.LayerVariable`, or what stands for one. */
interface Reads {
  read(): Tensor;
}

/** What layers of tfjs have in common. */
export interface LayerInternals {
  trainable: boolean;
}

export interface BatchNormalizationLayer extends LayerInternals {
  gamma: Reads | undefined;
  beta: Reads | undefined;
}

export interface SoftmaxLayer extends LayerInternals {
  softmax: (x: Tensor, axis: number) => Tensor;
}

export interface ConvolutionLayer extends LayerInternals {
  padding: string;
  kernelSize: number[];
  readonly dataFormat: 'channelsFirst' | 'channelsLast';
  readonly strides: number[];
  readonly dilationRate: number[];
  readonly kernel: Reads;
  readonly depthwiseKernel: Reads;
  readonly bias: Reads | null;
  readonly activation: { apply(x: Tensor): Tensor } | null;
}
