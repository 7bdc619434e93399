/** The addon, linked by this package: tfjs-node's own, and what `binding/` adds to it. */

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

/** The functions and constants of the addon that are used. */
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
  /** True while a step is recorded for XLA, which has no operations but those of TensorFlow. */
  readonly composes?: boolean;
  /** Runs an operation on tensors with these numbers, and returns its outputs. */
  executeOp(name: string, attributes: readonly Attribute[], ids: number[], n: number): Output[];
  /** The operation that `executeOp` runs for this one: two have changed since tfjs-node was written. */
  translate(
    name: string,
    attributes: readonly Attribute[],
    ids: number[],
  ): [name: string, attributes: readonly Attribute[], ids: number[]];
  /** Makes a tensor of TensorFlow, and returns its number. */
  createTensor(shape: number[], dtype: number, values: Values): number;
  /** The values of a tensor. Waits for them. */
  tensorDataSync(id: number): Values;
  /** Frees a tensor. */
  deleteTensor(id: number): void;
  /** The OpDef of an operation. */
  definition(operation: string): Uint8Array | undefined;
  /** Makes a function of a GraphDef, between outputs of its nodes (`node:index`). */
  addFunction(name: string, graph: Uint8Array, inputs: string[], outputs: string[]): void;
  /**
   * Runs a function on tensors with these numbers. Each output takes the place of the tensor with the number in
   * `targets`, which keeps its number, or is a new one where that is -1; returns the new ones in order.
   */
  callFunction(
    name: string,
    attributes: readonly Attribute[],
    ids: Int32Array,
    targets: Int32Array,
  ): Output[];
  /** Removes a function. */
  removeFunction(name: string): void;
  /**
   * Starts TensorFlow's server for operations of several processes. From now on there is an operation LrmDeadline, which
   * passes its `input` on and sets a deadline for a `call`, in `seconds`; 0 ends it. Past a deadline, all operations of
   * several processes are aborted, those that wait and all later ones.
   *
   * @param serverDef a ServerDef
   * @returns the device that operations run on from now on
   * @throws Error where this process has started one already
   */
  startCollectives(serverDef: Uint8Array): string;
  /** For each task '' if it answers within so many milliseconds, else what is wrong. */
  checkPeers(tasks: string[], timeout: number): string[];
}
