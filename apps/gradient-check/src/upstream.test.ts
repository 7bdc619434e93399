/** The reports of docs/upstream for Node: each prints what it says it prints, in stock tfjs and with enableTraining(). */
import { inspect } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { readReports } from './report.ts';
import { startBackend } from './start-backend.ts';

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (...args: unknown[]) => Promise<void>;

/** What the code prints. */
async function printed(code: string): Promise<string> {
  const lines: string[] = [];
  const text = (value: unknown): string => (typeof value === 'string' ? value : inspect(value));
  const log = vi
    .spyOn(console, 'log')
    .mockImplementation((...values) => void lines.push(values.map(text).join(' ')));
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  try {
    await new AsyncFunction('tf', code)(tf);
  } finally {
    log.mockRestore();
    warn.mockRestore();
  }
  return lines.join('\n').replace(/[ \t]+$/gm, '');
}

beforeAll(async () => {
  await startBackend('wasm');
});

// `npm run check:reports` runs the others.
const reports = readReports().filter(({ isOfBrowser }) => !isOfBrowser);

describe.each(reports)('$file', ({ code, expected, actual, isFixed }) => {
  const run = async (): Promise<string> => {
    await tf.setBackend('cpu'); // where the code does not set it
    return printed(code);
  };

  test('stock tfjs prints what is said to be wrong', async () => {
    expect(actual).not.toBe(expected);
    expect(await run()).toBe(actual);
  });

  test.runIf(isFixed)('with enableTraining() it prints what is expected', async () => {
    enableTraining();
    try {
      expect(await run()).toBe(expected);
    } finally {
      disableTraining();
    }
  });
});
