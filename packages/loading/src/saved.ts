/** The parts of a file as tfjs reads them. */

/** The configuration of a layer or model. */
export type Config = Record<string, unknown>;

/** A layer or a model. */
export interface Saved {
  readonly className: string;
  readonly config: Config;
}
