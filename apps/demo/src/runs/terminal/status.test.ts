import {
  DEFAULT_RECIPE,
  type FinishedRun,
  PRESETS,
  type RunSettings,
  verdict,
} from '@tfjs-lrm/language-model';
import { describe, expect, it } from 'vitest';
import { duration, statusLine } from './status.ts';
import { scaleTable, sparkline, table } from './summary.ts';

const run = (decay: number, multipliers: boolean): RunSettings => ({
  ...DEFAULT_RECIPE,
  name: `decay ${decay}, ${multipliers}`,
  group: `decay ${decay}, ${multipliers}`,
  preset: PRESETS.tiny,
  learningRate: 4e-3,
  decay,
  multipliers,
  seed: 1,
  backend: 'wasm',
  compile: 'off',
});
const finished = (decay: number, multipliers: boolean, validationLoss: number): FinishedRun => ({
  settings: run(decay, multipliers),
  result: {
    validationLoss,
    parameters: 111_296,
    foldedParameters: 111_296,
    foldedDifference: 0,
    msPerStep: 50,
    sample: '',
    matrices: [{ name: 'head', shape: [4, 5], stored: 0.1, effective: 0.2 }],
    multipliers: { row: [], column: [] },
  },
  records: [
    { step: 49, loss: 3, learningRate: 1e-3, validationLoss: 3 },
    { step: 50, loss: 2.9, learningRate: 1e-3 },
    { step: 99, loss: 2, learningRate: 1e-3, validationLoss },
  ],
});

describe('the status line', () => {
  it('says where a run stands and how long it will take', () => {
    const records = [{ step: 99, loss: 2.5, learningRate: 4e-3 }];
    const progress = { records, validationLoss: 2.75, msPerStep: 100 };
    const line = statusLine(run(8, true), progress, 20, Infinity);
    expect(line).toBe(
      'decay 8, true         step 100/700  loss 2.500  validation 2.750  rate 4.0e-3  100 ms/step  10.2k tokens/s  1 min 00 s left',
    );
  });

  it('leaves out what a narrow terminal has no room for, the time left last', () => {
    const records = [{ step: 99, loss: 2.5, learningRate: 4e-3 }];
    const progress = { records, validationLoss: null, msPerStep: 100 };
    const line = statusLine(run(8, true), progress, 13, 79);
    expect(line).toBe('decay 8, true  step 100/700  loss 2.500  validation   -    1 min 00 s left');
    expect(statusLine(run(8, true), progress, 13, 20)).toBe('decay 8, true  step ');
  });

  it('waits before the first report', () => {
    expect(statusLine(run(8, true), null, 0, 80)).toBe('decay 8, true  waiting');
  });

  it('writes durations for people', () => {
    expect([0.4, 59.6, 61, 3600].map(duration)).toEqual([
      '0 s',
      '1 min 00 s',
      '1 min 01 s',
      '60 min 00 s',
    ]);
  });
});

describe('the summary', () => {
  it('draws the course of a loss between the lowest and the highest', () => {
    expect(sparkline([3, 2, 1], 1, 3)).toBe('█▅▁');
    expect(sparkline([1, 1], 1, 1)).toBe('▁▁');
  });

  it('has a row for each run', () => {
    const rows = table([finished(0.1, false, 1.8), finished(0.1, true, 2)]).split('\n');
    expect(rows).toHaveLength(3);
    expect(rows[1]).toMatch(/^decay 0.1, false +1\.800 +6\.05 +111,296 +50 +█▁/);
  });

  it('gives mean and spread over seeds, and their differences seed by seed', () => {
    const runs = [1.8, 2].flatMap((loss) => [
      finished(8, false, loss),
      finished(8, true, loss - 0.25),
    ]);
    expect(table(runs).split('\n')).toHaveLength(3);
    expect(table(runs)).toMatch(/^decay 8, false +1\.900 ± 0\.141 +6\.69/m);
    expect(verdict(runs)).toBe(
      'With AdamW at weight decay 8 the multipliers lower the validation loss by 0.250 ± 0.000 nats a character (2 seeds).',
    );
  });

  it('has the scale of each matrix, a column a run', () => {
    expect(scaleTable([finished(0.1, false, 1.8), finished(0.1, true, 2)])).toMatch(
      /\nmatrix +1 +2\nhead +0\.2000 +0\.2000$/,
    );
  });

  it('keeps mixers apart: their matrices by name, and what multipliers change in each', () => {
    const hybrid = (multipliers: boolean, loss: number): FinishedRun => {
      const { settings, result, records } = finished(0.1, multipliers, loss);
      return {
        settings: { ...settings, preset: PRESETS.hybrid, group: `hybrid, ${multipliers}` },
        result: {
          ...result,
          matrices: [{ name: 'x', shape: [4, 2], stored: 1, effective: 2 }, ...result.matrices],
        },
        records,
      };
    };
    const runs = [finished(0.1, false, 2), hybrid(false, 1.8), hybrid(true, 1.7)];
    expect(scaleTable(runs)).toMatch(/\nhead +0\.2000 +0\.2000 +0\.2000\nx +– +2\.0000 +2\.0000$/);
    expect(verdict([...runs, finished(0.1, true, 2.1)]).split('\n')).toEqual([
      'attention: with AdamW at weight decay 0.1 the multipliers raise the validation loss by 0.100 nats a character (one seed).',
      'hybrid: with AdamW at weight decay 0.1 the multipliers lower the validation loss by 0.100 nats a character (one seed).',
    ]);
  });

  it('says for each decay whether multipliers lowered or raised the loss', () => {
    const runs = [
      finished(0.1, false, 1.8),
      finished(0.1, true, 1.85),
      finished(8, false, 2.1),
      finished(8, true, 2),
    ];
    expect(verdict(runs).split('\n')).toEqual([
      'With AdamW at weight decay 0.1 the multipliers raise the validation loss by 0.050 nats a character (one seed).',
      'With AdamW at weight decay 8 the multipliers lower the validation loss by 0.100 nats a character (one seed).',
    ]);
  });
});
