import type { Axis } from './axis-scale.ts';
import { type Chart, defaultStyle, drawing } from './figure.ts';
import { framed, type Line, verticalScale } from './line-chart.ts';

/** Lines over one of several x-axes. */
export interface Panel {
  readonly x: Axis;
  readonly lines: readonly Line[];
}

const WIDTH = 300;

/**
 * Panels side by side as one SVG file: one y-axis for all, and one style for all lines of a name.
 *
 * @throws RangeError where there is nothing to draw
 */
export function panelDrawing(chart: Omit<Chart, 'x'>, panels: readonly Panel[]): string {
  const lines = panels.flatMap((panel) => panel.lines);
  if (lines.every(({ points }) => points.length === 0))
    throw new RangeError('panelDrawing: there is nothing to draw.');
  const y = verticalScale(lines, chart.y);
  const names = [...new Set(lines.map(({ name }) => name))];
  const styleOf = (name: string) => defaultStyle(names.indexOf(name));
  const frames = panels.map(({ x, lines: own }) =>
    framed(
      { x, y: chart.y },
      own.map((line) => ({ ...line, style: styleOf(line.name) })),
      y,
      WIDTH,
    ),
  );
  const series = names.map((name) => ({ name, style: styleOf(name) }));
  return drawing(chart, frames, series, WIDTH);
}
