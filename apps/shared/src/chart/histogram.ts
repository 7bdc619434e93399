import { niceStep, scaleFor, tickTexts } from './axis-scale.ts';
import {
  across,
  type Chart,
  defaultStyle,
  figure,
  hueClass,
  type Point,
  type Style,
  strokeOf,
  upward,
} from './figure.ts';

export interface Sample {
  readonly name: string;
  readonly values: readonly number[];
  readonly style?: Style;
}

const BINS = 24;
const MARKS = 5;

/** Bins of equal width over all samples, and the share of each sample in each bin, in percent. */
export function bin(samples: readonly Sample[]): { edges: number[]; shares: number[][] } {
  const all = samples.flatMap(({ values }) => values).filter(Number.isFinite);
  const [low, high] = all.reduce(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  if (all.length === 0) return { edges: [0, 1], shares: samples.map(() => [0]) };
  const step = niceStep(high - low || Math.abs(low) || 1, BINS);
  const from = Math.floor(low / step);
  const count = Math.floor(high / step) - from + 1;
  const edges = Array.from({ length: count + 1 }, (_, i) =>
    Number(((from + i) * step).toPrecision(12)),
  );
  const shares = samples.map(({ values }) => {
    const counts = new Array<number>(count).fill(0);
    for (const value of values)
      if (Number.isFinite(value)) {
        const place = Math.min(count - 1, Math.floor(value / step) - from);
        counts[place] = (counts[place] as number) + 1;
      }
    return counts.map((n) => (100 * n) / Math.max(1, values.length));
  });
  return { edges, shares };
}

/**
 * Distributions as outlines over common bins, as a figure in HTML; the vertical axis is the share of each sample
 * in a bin, in percent.
 *
 * @example
 * histogram({ title: 'Heights', description: 'Two groups.', x: { label: 'cm' }, y: { label: 'share, %' } }, [
 *   { name: 'a group', values: [170, 180, 175] },
 * ]);
 */
export function histogram(chart: Chart, samples: readonly Sample[]): string {
  const { edges, shares } = bin(samples);
  const x = scaleFor(edges, chart.x);
  const y = scaleFor([0, ...shares.flat()], chart.y);
  const styled = samples.map((sample, i) => ({
    ...sample,
    style: sample.style ?? defaultStyle(i),
  }));
  const drawn = styled.map(({ style }, i) => {
    const heights = shares[i] as number[];
    const steps = heights.flatMap((share, at): Point[] => [
      [across(x, edges[at] as number), upward(y, share)],
      [across(x, edges[at + 1] as number), upward(y, share)],
    ]);
    const ends = [edges[0], edges.at(-1)].map(
      (edge): Point => [across(x, edge as number), upward(y, 0)],
    );
    const outline = [ends[0] as Point, ...steps, ends[1] as Point];
    return `<g class="${hueClass(style)}">${strokeOf(outline, style, MARKS, 2 * i)}</g>`;
  });
  const texts = tickTexts(edges);
  const rows = [
    [chart.x.label, ...samples.map(({ name, values }) => `${name} (${values.length} values), %`)],
    ...edges
      .slice(1)
      .map((_, at) => [
        `${texts[at]} to ${texts[at + 1]}`,
        ...shares.map((own) => (own[at] as number).toFixed(1)),
      ]),
  ];
  return figure(chart, { x, y }, drawn.join('\n'), styled, rows);
}
