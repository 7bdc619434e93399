/** The reports of docs/upstream: each prints what it says it prints, in stock tfjs and with enableTraining(). */
import { readdirSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { startBackend } from './start-backend.ts';

const folder = new URL('../../../docs/upstream/', import.meta.url);
const FIXED = '<!-- enableTraining() gives what is expected. -->';

interface Report {
  readonly code: string;
  readonly expected: string;
  readonly actual: string;
}

function read(file: string): Report & { readonly isFixed: boolean } {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const [code, expected, actual] = [...text.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(
    ([, block]) => block!.trimEnd(),
  );
  const body = code!.replace(/^import .*;$/gm, '');
  return { code: body, expected: expected!, actual: actual!, isFixed: text.startsWith(FIXED) };
}

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

const files = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md');

beforeAll(async () => {
  await startBackend('wasm');
});

describe.each(files)('%s', (file) => {
  const { code, expected, actual, isFixed } = read(file);
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
