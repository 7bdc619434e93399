/** What an all-reduce costs, fitted to measured messages, and what follows for clusters that nobody has measured. */

/** What a step is measured as: without other workers, and with gradients in one message or in one each. */
export const FORMS = ['alone', 'one buffer', 'one per variable'] as const;
export type Form = (typeof FORMS)[number];

/** A training step, as a worker has measured it. */
export interface Steps {
  readonly parameters: number;
  readonly variables: number;
  /** Milliseconds a step: the median over all rounds. */
  readonly wall: Partial<Record<Form, number>>;
  /** The same of the time that the process computed. */
  readonly cpu: Partial<Record<Form, number>>;
}

/** The milliseconds of an all-reduce of so many bytes, the least of several. */
export interface Message {
  readonly bytes: number;
  readonly ms: number;
}

/** The cost of one message between neighbours of the ring: a + b · bytes, in milliseconds. */
export interface MessageCost {
  readonly latency: number;
  readonly perByte: number;
}

/**
 * Fits the messages of two workers, each of which sends two: half of the tensor to be summed, half of the sum. The squares
 * of relative errors are least, so that small messages count as much as large ones.
 */
export function fitMessages(messages: readonly Message[]): MessageCost {
  let [w, wx, wxx, wy, wxy] = [0, 0, 0, 0, 0];
  for (const { bytes: x, ms: y } of messages) {
    const weight = 1 / y ** 2;
    w += weight;
    wx += weight * x;
    wxx += weight * x * x;
    wy += weight * y;
    wxy += weight * x * y;
  }
  const determinant = w * wxx - wx * wx;
  const perByte = (w * wxy - wx * wy) / determinant;
  const constant = (wxx * wy - wx * wxy) / determinant;
  return { latency: constant / 2, perByte };
}

export interface Network {
  /** Bits a second. */
  readonly bandwidth: number;
  /** Milliseconds that a message is under way, besides what a process does for it. */
  readonly delay: number;
}

/**
 * The milliseconds of an all-reduce around a ring of N workers: 2(N − 1) messages one after the other, each of 1/N of the
 * bytes. The slower of process and network decides how long a byte takes.
 */
export function allReduceTime(
  workers: number,
  bytes: number,
  { latency, perByte }: MessageCost,
  { bandwidth, delay }: Network,
): number {
  const messages = 2 * (workers - 1);
  const byteTime = Math.max(perByte, 8000 / bandwidth);
  return messages * (latency + delay + (bytes / workers) * byteTime);
}

/** The share of a step in which workers compute, where gradients are sent when all are there. */
export function efficiency(computeMs: number, allReduceMs: number): number {
  return computeMs / (computeMs + allReduceMs);
}
