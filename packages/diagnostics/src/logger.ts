import { show } from '@tfjs-lrm/core/kit';

/** Where numbers of a run go. */
export interface Logger {
  /**
   * Writes named numbers of a step. Names are paths, as in the field: `train/loss`, `learning_rate`.
   *
   * @param step steps of the optimizer so far, a whole number
   */
  log(step: number, numbers: Readonly<Record<string, number>>): void;
  /** Writes what is buffered. */
  flush(): void;
  /** Flushes, and frees what the logger holds. */
  close(): void;
}

/** Throws unless the step and the numbers can be logged. */
export function checkLog(where: string, step: unknown, numbers: unknown): void {
  if (!Number.isInteger(step) || (step as number) < 0 || (step as number) > 2 ** 31 - 2) {
    throw new RangeError(
      `${where}.log: the step must be a whole number from 0 to 2^31 - 2. Received ${show(step)}. Try optimizer.iterations.`,
    );
  }
  const isRecord = typeof numbers === 'object' && numbers !== null && !Array.isArray(numbers);
  const odd = isRecord
    ? Object.entries(numbers).find(([, value]) => typeof value !== 'number')
    : ['numbers', numbers];
  if (odd === undefined) return;
  throw new TypeError(
    `${where}.log: it takes an object of numbers. Received ${show(odd[1])} for "${odd[0]}". Try { 'train/loss': 0.5 }.`,
  );
}

/**
 * Logs as NDJSON, a line of JSON a step, everywhere: `{"step":1,"time":1790000000.5,"train/loss":0.5}`, with the time in
 * seconds since 1970. JSON has no NaN and no infinity: they are written as null.
 *
 * @param write gets each line with its line break
 * @throws TypeError for something that is not a function; at a log, RangeError for a step that is not a whole number and
 *   TypeError for something that is not a number
 * @example
 * const lines = [];
 * const logger = toNdjson((line) => lines.push(line)); // in Node: (line) => file.write(line)
 * logger.log(1, { 'train/loss': 0.5 });
 */
export function toNdjson(write: (line: string) => unknown): Logger {
  if (typeof write !== 'function') {
    throw new TypeError(
      `toNdjson: it takes a function that writes a line. Received ${show(write)}. Try (line) => file.write(line).`,
    );
  }
  return {
    log(step, numbers) {
      checkLog('toNdjson', step, numbers);
      write(`${JSON.stringify({ step, time: Date.now() / 1000, ...numbers })}\n`);
    },
    flush() {},
    close() {},
  };
}
