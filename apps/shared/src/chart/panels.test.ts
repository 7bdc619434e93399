import { describe, expect, it } from 'vitest';
import { panelDrawing } from './panels.ts';

const CHART = {
  title: 'Time of a step',
  description: 'It grows.',
  y: { label: 'milliseconds', log: true },
};

/** The vertices of the first line of each panel. */
const verticesOf = (svg: string): number[][][] =>
  [...svg.matchAll(/class="line" d="M([^"]+)"/g)].map(([, path]) =>
    (path as string).split('L').map((point) => point.split(' ').map(Number)),
  );

describe('panelDrawing', () => {
  it('puts twice the value as far above as half the value is below, on one axis for all panels', () => {
    const doubling = [10, 20, 40].map((y, i) => ({ x: 2 ** i, y }));
    const x = { label: 'width', log: true, ticks: [1, 2, 4] };
    const svg = panelDrawing(CHART, [
      { x, lines: [{ name: 'graph', points: doubling }] },
      { x, lines: [{ name: 'graph', points: doubling.slice(1) }] },
    ]);
    const [[a, b, c], [d]] = verticesOf(svg) as [[number[], number[], number[]], [number[]]];
    expect(a[1]! - b[1]!).toBeCloseTo(b[1]! - c[1]!, 1);
    expect(b[0]! - a[0]!).toBeCloseTo(c[0]! - b[0]!, 1);
    expect(d).toEqual(b);
    expect(svg.match(/>graph<\/text>/g)).toHaveLength(1);
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  it('refuses to draw nothing', () => {
    expect(() => panelDrawing(CHART, [])).toThrow('nothing to draw');
  });
});
