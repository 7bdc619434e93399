import {
  across,
  type Chart,
  defaultStyle,
  drawing,
  figure,
  hueClass,
  type Point,
  pathOf,
  type Style,
  strokeOf,
  upward,
} from './figure.ts';
import { scaleFor } from './scale.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly spread?: number }[];
  readonly style?: Style;
}

const MARKS = 6;

/** Four significant digits: what a chart can show, and a reader compare. */
const cell = (value: number): string => String(Number(value.toPrecision(4)));

/** Points that have a place: neither gaps nor, under a logarithm, zero. */
const placed = (points: readonly Point[]): Point[] =>
  points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));

/** The axes of some lines, and the lines drawn. */
function laidOut(chart: Chart, lines: readonly Line[]) {
  const points = lines.flatMap((line) => line.points);
  const x = scaleFor(
    points.map((point) => point.x),
    chart.x,
  );
  const y = scaleFor(
    points.flatMap((point) => [point.y - (point.spread ?? 0), point.y + (point.spread ?? 0)]),
    chart.y,
  );
  const place = (at: number, value: number): Point => [across(x, at), upward(y, value)];
  const styled = lines.map((line, i) => ({ ...line, style: line.style ?? defaultStyle(i) }));
  const drawn = styled.map(({ points: own, style }, i) => {
    const stroke = strokeOf(placed(own.map((point) => place(point.x, point.y))), style, MARKS, i);
    const banded = own.filter(({ spread = 0 }) => spread > 0);
    const edge = (sign: number): Point[] =>
      placed(banded.map((point) => place(point.x, point.y + sign * (point.spread ?? 0))));
    const band =
      banded.length > 1
        ? `<path class="band" d="${pathOf([...edge(1), ...edge(-1).reverse()])}Z"/>`
        : '';
    return `<g class="${hueClass(style)}">${band}${stroke}</g>`;
  });
  return { scales: { x, y }, content: drawn.join('\n'), styled };
}

/**
 * Lines over numbers, as a figure in HTML; where points have a spread, a band from y − spread to y + spread.
 *
 * @example
 * lineChart({ title: 'Loss', description: 'It falls.', x: { label: 'step' }, y: { label: 'loss, nats' } }, [
 *   { name: 'a run', points: [{ x: 0, y: 4 }, { x: 1, y: 3 }] },
 * ]);
 */
export function lineChart(chart: Chart, lines: readonly Line[]): string {
  const { scales, content, styled } = laidOut(chart, lines);
  return figure(chart, scales, content, styled, rowsOf(chart, lines));
}

/** The same as one SVG file. */
export function lineDrawing(chart: Chart, lines: readonly Line[]): string {
  const { scales, content, styled } = laidOut(chart, lines);
  return drawing(chart, scales, content, styled);
}

function rowsOf(chart: Chart, lines: readonly Line[]): string[][] {
  const places = [...new Set(lines.flatMap((line) => line.points.map((point) => point.x)))].sort(
    (a, b) => a - b,
  );
  const found = lines.map((line) => new Map(line.points.map((point) => [point.x, point])));
  return [
    [chart.x.label, ...lines.map(({ name }) => name)],
    ...places.map((at) => [
      cell(at),
      ...found.map((points) => {
        const point = points.get(at);
        if (point === undefined) return '';
        return point.spread ? `${cell(point.y)} ± ${cell(point.spread)}` : cell(point.y);
      }),
    ]),
  ];
}
