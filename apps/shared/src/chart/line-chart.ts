import { type AxisScale, scaleFor } from './axis-scale.ts';
import {
  across,
  type Chart,
  defaultStyle,
  drawing,
  type Framed,
  figure,
  hueClass,
  type Point,
  pathOf,
  type Style,
  strokeOf,
  upward,
  WIDTH,
} from './figure.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly spread?: number }[];
  readonly style?: Style;
}

const MARKS = 6;

/** Four significant digits, as many as a chart can show. */
const cell = (value: number): string => String(Number(value.toPrecision(4)));

/** Points that have a place: no gaps and, under a logarithm, no zeros. */
const placed = (points: readonly Point[]): Point[] =>
  points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));

type Axes = Pick<Chart, 'x' | 'y'>;

/** The y-axis that holds all lines with their bands. */
export const verticalScale = (lines: readonly Line[], axis: Chart['y']): AxisScale =>
  scaleFor(
    lines.flatMap(({ points }) =>
      points.flatMap(({ y, spread = 0 }) => (spread > 0 ? [y - spread, y + spread] : [y])),
    ),
    axis,
  );

/** The axes of some lines, and the lines drawn. */
export function framed(
  { x: xAxis, y: yAxis }: Axes,
  lines: readonly (Line & { readonly style: Style })[],
  y: AxisScale,
  width: number = WIDTH,
): Framed {
  const x = scaleFor(
    lines.flatMap(({ points }) => points.map((point) => point.x)),
    xAxis,
  );
  const place = (at: number, value: number): Point => [across(x, at, width), upward(y, value)];
  const drawn = lines.map(({ points, style }, i) => {
    const stroke = strokeOf(
      placed(points.map((point) => place(point.x, point.y))),
      style,
      MARKS,
      i,
    );
    const banded = points.filter(({ spread = 0 }) => spread > 0);
    const edge = (sign: number): Point[] =>
      placed(banded.map((point) => place(point.x, point.y + sign * (point.spread ?? 0))));
    const band =
      banded.length > 1
        ? `<path class="band" d="${pathOf([...edge(1), ...edge(-1).reverse()])}Z"/>`
        : '';
    return `<g class="${hueClass(style)}">${band}${stroke}</g>`;
  });
  return { x: xAxis, y: yAxis, scales: { x, y }, content: drawn.join('\n') };
}

/** Lines, each with the style that it has or the next one. */
export const styled = (lines: readonly Line[]): (Line & { readonly style: Style })[] =>
  lines.map((line, i) => ({ ...line, style: line.style ?? defaultStyle(i) }));

/**
 * Lines over numbers, as a figure in HTML; where points have a spread, a band from y − spread to y + spread.
 *
 * @example
 * lineChart({ title: 'Loss', description: 'It falls.', x: { label: 'step' }, y: { label: 'loss, nats' } }, [
 *   { name: 'a run', points: [{ x: 0, y: 4 }, { x: 1, y: 3 }] },
 * ]);
 */
export function lineChart(chart: Chart, lines: readonly Line[]): string {
  const series = styled(lines);
  const { scales, content } = framed(chart, series, verticalScale(lines, chart.y));
  return figure(chart, scales, content, series, rowsOf(chart, lines));
}

/** The same as one SVG file. */
export function lineDrawing(chart: Chart, lines: readonly Line[]): string {
  const series = styled(lines);
  return drawing(chart, [framed(chart, series, verticalScale(lines, chart.y))], series);
}

function rowsOf(chart: Chart, lines: readonly Line[]): string[][] {
  const places = [...new Set(lines.flatMap((line) => line.points.map((point) => point.x)))].sort(
    (a, b) => a - b,
  );
  const series = lines.map((line) => new Map(line.points.map((point) => [point.x, point])));
  return [
    [chart.x.label, ...lines.map(({ name }) => name)],
    ...places.map((at) => [
      cell(at),
      ...series.map((points) => {
        const point = points.get(at);
        if (point === undefined) return '';
        return point.spread ? `${cell(point.y)} ± ${cell(point.spread)}` : cell(point.y);
      }),
    ]),
  ];
}
