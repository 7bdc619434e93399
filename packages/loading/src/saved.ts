/** The parts of a file as tfjs reads them. */

/** The configuration of a layer or model. */
export type Config = Record<string, unknown>;

export const isObject = (value: unknown): value is Config =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A layer or a model. */
export interface Saved {
  readonly className: string;
  readonly config: Config;
}
