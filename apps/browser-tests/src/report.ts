/** What a page finds, handed to `run.js` in one console message when the page is done. */
export interface Report {
  /** Adds a line to what is printed. */
  note(line: string): void;
  /** Adds a line, and fails the page unless it holds. */
  check(line: string, holds: boolean): void;
}

export async function report(page: (report: Report) => Promise<void>): Promise<void> {
  const lines: string[] = [];
  const failures: string[] = [];
  try {
    await page({
      note: (line) => {
        lines.push(line);
        console.debug(line);
      },
      check: (line, holds) => {
        lines.push(`${holds ? 'ok  ' : 'FAIL'} ${line}`);
        console.debug(line);
        if (!holds) failures.push(line);
      },
    });
  } catch (error) {
    failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  console.info(`report ${JSON.stringify({ lines, failures })}`);
}

/** The largest error relative to the expected value, or to `least` where that is smaller. */
export function largestError(
  actual: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
  least: number,
): number {
  let largest = 0;
  for (const [i, values] of expected.entries()) {
    for (const [k, value] of values.entries()) {
      const error = Math.abs((actual[i]?.[k] as number) - value) / Math.max(Math.abs(value), least);
      if (!(error <= largest)) largest = error;
    }
  }
  return largest;
}
