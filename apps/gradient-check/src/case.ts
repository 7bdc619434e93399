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

/** A layer of tfjs-layers by the name of its factory, which may stand for a layer inside of another one's config too. */
export interface LayerCall {
  readonly layer: string;
  readonly config: { readonly [key: string]: Argument };
}

/** A layer by itself: of its inputs come first what it is applied to, and last its weights. */
interface LayerCase extends LayerCall {
  readonly data: number;
  readonly weights: number;
  /** What `apply` is given beside the data. */
  readonly kwargs?: { readonly [key: string]: Argument };
}

/** A loss by the name that `model.compile` knows; its inputs are labels and predictions. */
interface LossCase {
  readonly loss: string;
}

interface RegularizerCase {
  readonly regularizer: string;
  readonly config: { readonly [key: string]: Argument };
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

export type Case = Expected & (Call | LayerCase | LossCase | RegularizerCase);

export interface Fixture {
  readonly versions: Readonly<Record<string, string>>;
  readonly cases: readonly Case[];
}

/** The weight of output i in the loss: never zero, and repeated only after 16. */
export const lossWeight = (i: number): number => (((37 * i + 11) % 16) - 7.5) / 8;
