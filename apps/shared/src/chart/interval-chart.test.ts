import { describe, expect, it } from 'vitest';
import { type IntervalChart, intervalChart, intervalDrawing } from './interval-chart.ts';

const GAINS: IntervalChart = {
  title: 'Gain',
  description: 'Mean and 95 % interval.',
  x: { label: 'points' },
  series: ['Adam', 'Muon'],
  rows: [
    { name: 'sorting', marks: [{ value: 1, low: -1, high: 3 }, null] },
    {
      name: 'copying',
      marks: [
        { value: 2, low: 2, high: 2 },
        { value: 0, low: -1, high: 1 },
      ],
    },
  ],
  reference: 0,
};

describe('intervalChart', () => {
  it('places a number in the middle of its interval, and equal numbers below each other', () => {
    const svg = intervalDrawing(GAINS);
    const ends = [...svg.matchAll(/class="line" d="M([\d.]+) [\d.]+H([\d.]+)"/g)].map((match) =>
      match.slice(1).map(Number),
    );
    const marks = [...svg.matchAll(/class="mark" transform="translate\(([\d.]+) /g)].map(([, x]) =>
      Number(x),
    );
    expect(marks).toHaveLength(3);
    for (const [i, mark] of marks.entries())
      expect((ends[i]![0]! + ends[i]![1]!) / 2).toBeCloseTo(mark, 1);
    const reference = svg.match(/class="axis" d="M([\d.]+) 8V/)?.[1];
    expect(Number(reference)).toBeCloseTo(marks[2] as number, 1);
  });

  it('has every number in its table, and a legend where series differ', () => {
    const html = intervalChart(GAINS);
    expect(html).toContain('<td>1 (-1 to 3)</td><td></td>');
    expect(html).toContain('class="legend"');
    expect(intervalChart({ ...GAINS, series: ['Adam'], rows: [GAINS.rows[0]!] })).not.toContain(
      'class="legend"',
    );
    expect(html).not.toMatch(/NaN|undefined/);
  });
});
