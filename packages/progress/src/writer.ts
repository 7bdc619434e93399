/** Where a progress bar is written. */
export interface ProgressWriter {
  /** Writes text as it is, with its line breaks and control sequences. */
  readonly write: (text: string) => void;
  /** Whether a line can be overwritten, as on a terminal. Otherwise only whole lines are written. */
  readonly isTerminal: boolean;
  /** The width in characters, read at each drawing; 80 where it is not known. */
  readonly columns?: number | undefined;
  /** Whether it shows colours; false by default. */
  readonly hasColors?: boolean | undefined;
}

/** The parts of Node's process that are used here; a browser has none. */
interface NodeProcess {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stderr?: {
    write(text: string): unknown;
    readonly isTTY?: boolean;
    readonly columns?: number;
  };
}

/**
 * Node's standard error, so that what a program prints can still be piped; null where there is none, as in a browser. A
 * terminal that TERM calls dumb gets plain lines, and one with NO_COLOR set gets no colours (no-color.org).
 */
export function standardWriter(
  { env = {}, stderr }: NodeProcess = (globalThis as { process?: NodeProcess }).process ?? {},
): ProgressWriter | null {
  if (typeof stderr?.write !== 'function') return null;
  const isTerminal = stderr.isTTY === true && env['TERM'] !== 'dumb';
  return {
    write: (text) => void stderr.write(text),
    isTerminal,
    get columns() {
      return stderr.columns;
    },
    hasColors: isTerminal && (env['NO_COLOR'] ?? '') === '',
  };
}
