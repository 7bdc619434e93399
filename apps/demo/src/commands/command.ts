/** A command of the demo. */
export interface Command {
  readonly help: () => string;
  /** @returns the exit code */
  readonly run: (args: readonly string[]) => Promise<number>;
}
