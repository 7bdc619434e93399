import { checkOptions, show } from '@tfjs-lrm/core/kit';

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

/** @inline */
interface NdjsonOptions {
  /** What each line holds besides the step and its numbers. */
  readonly fields?: (() => Readonly<Record<string, unknown>>) | undefined;
}

/** Seconds since 1970. */
const clock = (): { time: number } => ({ time: Date.now() / 1000 });

/**
 * Logs as NDJSON, a line of JSON a step, everywhere: `{"step":1,"time":1790000000.5,"train/loss":0.5}`, with the time in
 * seconds since 1970. JSON has no NaN and no infinity: they are written as null.
 *
 * @param write gets each line with its line break
 * @param options fields: what each line holds besides, in the place of the time, such as the name of a run
 *   (`() => ({ run: 'first' })`) where several share a file, or nothing where files of equal runs must be equal
 * @throws TypeError for something that is not a function; RangeError for an unknown option; at a log, RangeError for a step
 *   that is not a whole number and TypeError for something that is not a number
 * @example
 * const lines = [];
 * const logger = toNdjson((line) => lines.push(line)); // in Node: (line) => file.write(line)
 * logger.log(1, { 'train/loss': 0.5 });
 */
export function toNdjson(write: (line: string) => unknown, options: NdjsonOptions = {}): Logger {
  if (typeof write !== 'function') {
    throw new TypeError(
      `toNdjson: it takes a function that writes a line. Received ${show(write)}. Try (line) => file.write(line).`,
    );
  }
  checkOptions('toNdjson', options, {
    fields: (value) =>
      typeof value === 'function'
        ? null
        : { must: 'be a function that returns an object', try: "() => ({ run: 'first' })" },
  });
  const { fields = clock } = options;
  return {
    log(step, numbers) {
      checkLog('toNdjson', step, numbers);
      write(`${JSON.stringify({ step, ...fields(), ...numbers })}\n`);
    },
    flush() {},
    close() {},
  };
}
