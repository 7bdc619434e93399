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
  /** The operation that `executeOp` runs for this one: two have changed since tfjs-node was written. */
  translate(
    name: string,
    attributes: readonly Attribute[],
    ids: number[],
  ): [name: string, attributes: readonly Attribute[], ids: number[]];
  createTensor(shape: number[], dtype: number, values: Values): number;
  tensorDataSync(id: number): Values;
  deleteTensor(id: number): void;
  /** The OpDef of an operation. */
  definition(operation: string): Uint8Array | undefined;
  addFunction(name: string, graph: Uint8Array, inputs: string[], outputs: string[]): void;
  removeFunction(name: string): void;
  /**
   * Starts TensorFlow's server for operations of several processes.
   *
   * @param serverDef a ServerDef
   * @returns the device that operations run on from now on
   */
  enableCollectives(serverDef: Uint8Array): string;
  /** Has every operation of several processes throw, those that wait and all later ones. */
  abortCollectives(message: string): void;
  /** For each task '' if it answers within so many milliseconds, else what is wrong. */
  checkPeers(tasks: string[], timeout: number): string[];
}
