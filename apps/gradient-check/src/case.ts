/** What fixtures/gradients/make.py writes: calls of tfjs, and what an independent implementation says of them. */

export type DataType = 'float32' | 'int32' | 'bool';

export interface Values {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface Input extends Values {
  /** float32 where it is left out. */
  readonly dtype?: DataType;
  /** Set where a float32 input has no gradient. */
  readonly fixed?: boolean;
}

/** A value, a call, an object or list of these, or `$0` for the first input. */
export type Argument =
  | number
  | string
  | boolean
  | null
  | readonly Argument[]
  | { readonly [key: string]: Argument };

/** A function of tfjs by its name below `tf`, and its arguments. */
export interface Call {
  readonly call: string;
  readonly args: readonly Argument[];
}

/** A layer of tfjs-layers by the name of its factory; its inputs come first, then its weights. */
export interface LayerCall {
  readonly layer: string;
  readonly config: { readonly [key: string]: Argument };
  /** How many of the inputs are weights. */
  readonly weights: number;
  /** What `apply` is given beside the input. */
  readonly kwargs?: { readonly [key: string]: Argument };
}

interface Expected {
  readonly name: string;
  /** The operation or layer that the case is about. */
  readonly operation: string;
  /** Which members of a result that is an object are the outputs. */
  readonly pick?: readonly string[];
  readonly inputs: readonly Input[];
  readonly outputs: readonly Values[];
  /** Of Σ w·y over the outputs, for each input; null where an input has none. */
  readonly gradients: readonly (readonly number[] | null)[];
  /** Of ‖∇ Σ (w·y + y²/2)‖²; null where there is none. */
  readonly second: readonly (readonly number[] | null)[] | null;
}

export type Case = Expected & (Call | LayerCall);

export interface Fixture {
  readonly versions: Readonly<Record<string, string>>;
  readonly cases: readonly Case[];
}

/** The weight of output i in the loss: never zero, and repeated only after 16. */
export const lossWeight = (i: number): number => (((37 * i + 11) % 16) - 7.5) / 8;
