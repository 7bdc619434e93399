import { describe, expect, it } from 'vitest';
import { type HeatMap, heatMap, heatMapDrawing } from './heat-map.ts';

const cell = (value: number) => ({
  text: value.toFixed(2),
  ...(value === 3 && { detail: '3.00 ± 0.10' }),
  shade: 3 - value,
  isFramed: value < 2,
});

const MAP: HeatMap = {
  title: 'Losses',
  description: 'Framed: below 2.',
  columns: { label: 'rate', places: ['0.1', '0.2'] },
  rows: { label: 'decay', places: ['0', '1'] },
  panels: [
    { name: 'Adam <1>', cells: [[1.9, 2.1].map(cell), [5, 3].map(cell)] },
    { name: 'Muon', cells: [[2, 2].map(cell), [2, 2].map(cell)] },
  ],
};

describe('heatMap', () => {
  it('writes every number, frames those that it is told to, and keeps shades legible', () => {
    const html = heatMap(MAP);
    for (const text of ['1.90', '2.10', '5.00', 'Adam &lt;1&gt;', 'decay', 'rate'])
      expect(html).toContain(text);
    expect(html.match(/class="frame"/g)).toHaveLength(1);
    const shades = [...html.matchAll(/fill-opacity="([^"]+)"/g)].map(([, value]) => Number(value));
    expect(shades).toEqual([0.5, 0.45, 0, 0, 0.5, 0.5, 0.5, 0.5]);
    expect(html.match(/<svg/g)).toHaveLength(2);
    expect(html).toContain(
      '<th scope="row">Adam &lt;1&gt;, decay 1</th><td>5.00</td><td>3.00 ± 0.10</td>',
    );
  });

  it('is one file with two panels side by side', () => {
    const svg = heatMapDrawing(MAP);
    const [, width] = svg.match(/viewBox="0 0 (\d+) /) as RegExpMatchArray;
    expect(svg).toContain(`translate(${Number(width) / 2} 0)`);
    expect(svg.match(/<svg/g)).toHaveLength(1);
  });
});
