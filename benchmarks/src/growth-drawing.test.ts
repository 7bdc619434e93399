import { describe, expect, it } from 'vitest';
import { drawPanels } from './growth-drawing.ts';

describe('drawPanels', () => {
  it('puts twice the time as far above as half the time is below', () => {
    const points = [10, 20, 40].map((y, i) => ({ x: 2 ** i, y }));
    const svg = drawPanels([
      { axis: 'width', fixed: '4 blocks', lines: [{ name: 'graph', points }] },
    ]);
    const drawn = /polyline points="([^"]+)"/
      .exec(svg)?.[1]
      ?.split(' ')
      .map((p) => p.split(',').map(Number)) as number[][];
    const [a, b, c] = drawn as [number[], number[], number[]];
    expect((a[1] as number) - (b[1] as number)).toBeCloseTo((b[1] as number) - (c[1] as number), 0);
    expect((b[0] as number) - (a[0] as number)).toBeCloseTo((c[0] as number) - (b[0] as number), 0);
    expect(svg).toContain('>graph</text>');
  });

  it('refuses to draw nothing', () => {
    expect(() => drawPanels([])).toThrow('nothing to draw');
  });
});
