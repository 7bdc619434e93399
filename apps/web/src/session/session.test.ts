import { decodeCheckpoint, encodeCheckpoint, type Progress } from '@tfjs-lrm/language-model';
import { expect, it } from 'vitest';
import { DEFAULTS, runsOf } from './choices.ts';
import { Session, stepsOf } from './session.ts';

const settings = () => ({
  version: 1,
  text: { file: null, sha256: '' },
  checkpointEvery: 50,
  runs: runsOf({ ...DEFAULTS, steps: 30 }, 'wasm'),
});

const WEIGHTS = [
  { name: 'head/kernel', shape: [1], dtype: 'float32', values: Float32Array.of(5) },
  {
    name: 'head/kernel/column_multiplier',
    shape: [1],
    dtype: 'float32',
    values: Float32Array.of(2),
  },
] as const;

/** Ten steps from `first` on, with a state after them or without one. */
function progress(first: number, hasState: boolean): Progress {
  const step = first + 10;
  const state = { step, random: [1], validationLoss: 2, weights: WEIGHTS, optimizer: [] };
  return {
    records: Array.from({ length: 10 }, (_, i) => ({
      step: first + i,
      loss: 3,
      learningRate: 0.1,
    })),
    validationLoss: hasState ? 2 : 1.5,
    msPerStep: 7,
    ...(hasState && { state }),
  };
}

it('a session that was saved comes back with the steps before each state, and no others', () => {
  const session = new Session(settings());
  expect(session.add(0, progress(0, false))).toBe(false);
  expect(session.add(0, progress(10, true))).toBe(true);
  session.add(0, progress(20, false));
  session.add(1, progress(0, true));
  const { checkpoint, log } = session.checkpoint();
  const bytes = Buffer.concat(encodeCheckpoint(checkpoint, log));
  const decoded = decodeCheckpoint(bytes);
  expect(decoded.rest).toHaveLength(decoded.checkpoint.logBytes);
  const again = Session.from(decoded.checkpoint, [decoded.rest]);
  expect(again.runs.map(stepsOf)).toEqual([20, 10]);
  expect(again.runs[0]?.records).toEqual(session.runs[0]?.records.slice(0, 20));
  expect(again.runs[1]?.multipliers).toEqual({ row: [], column: [2] });

  // Going on from there and saving again keeps every step once.
  again.add(0, progress(20, true));
  const second = again.checkpoint();
  const [first] = Session.from(second.checkpoint, second.log).runs;
  expect(first?.records.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i));
});

it('a run whose worker is gone goes back to its last state', () => {
  const session = new Session(settings());
  session.add(0, progress(0, true));
  session.add(0, progress(10, false));
  session.rewind(0);
  expect(stepsOf(session.runs[0] as never)).toBe(10);
  expect(session.runs[0]?.validationLoss).toBe(2);
  session.add(0, progress(10, true));
  expect(session.metrics().trim().split('\n')).toHaveLength(20);
});

it('a run that never had a state goes back to the start', () => {
  const session = new Session(settings());
  session.add(1, progress(0, false));
  session.rewind(1);
  expect(stepsOf(session.runs[1] as never)).toBe(0);
});
