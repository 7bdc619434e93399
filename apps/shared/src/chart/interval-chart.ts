import { type Axis, labelsOf, scaleFor } from './axis-scale.ts';
import {
  across,
  type Chart,
  defaultStyle,
  figureOf,
  fileOf,
  hueClass,
  legend,
  MARKERS,
  type Part,
  pick,
  round,
  WIDTH,
} from './figure.ts';
import { escaped } from './html.ts';

/** A number with the interval around it. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Numbers of several series in named rows. */
export interface IntervalChart extends Pick<Chart, 'title' | 'description'> {
  readonly x: Axis;
  readonly series: readonly string[];
  /** A mark for each series; null where it has none. */
  readonly rows: readonly { readonly name: string; readonly marks: readonly (Interval | null)[] }[];
  /** A number with a line through all rows, such as 0. */
  readonly reference?: number;
}

const TOP = 8;
const NAME = 22;
const LANE = 16;
const GAP = 8;
const BOTTOM = 44;
const RIGHT_MARGIN = 22;

/** Four significant digits. */
const text = (value: number): string => String(Number(value.toPrecision(4)));

function part({ x, series, rows, reference }: IntervalChart): Part {
  const marks = rows.flatMap((row) => row.marks.filter((mark) => mark !== null));
  const scale = scaleFor(
    [
      ...marks.flatMap(({ value, low, high }) => [value, low, high]),
      ...(reference === undefined ? [] : [reference]),
    ],
    x,
  );
  const place = (value: number): string => round(across(scale, value));
  const rowHeight = NAME + LANE * series.length + GAP;
  const bottom = TOP + rowHeight * rows.length;
  const texts = labelsOf(x, scale.ticks);
  const ticks = scale.ticks.map(
    (tick, i) =>
      `<path class="grid" d="M${place(tick)} ${TOP}V${bottom}"/><text x="${place(tick)}" y="${bottom + 17}" text-anchor="middle">${texts[i]}</text>`,
  );
  const drawn = rows.map((row, r) => {
    const top = TOP + r * rowHeight;
    const own = row.marks.map((mark, s) => {
      if (mark === null || !Number.isFinite(mark.value)) return '';
      const style = defaultStyle(s);
      const y = top + NAME + LANE * (s + 0.5);
      return `<g class="${hueClass(style)}"><path class="line" d="M${place(mark.low)} ${y}H${place(mark.high)}"/><path class="mark" transform="translate(${place(mark.value)} ${y})" d="${pick(MARKERS, style.marker)}"/></g>`;
    });
    return `<text class="label" x="4" y="${top + 15}">${escaped(row.name)}</text>${own.join('')}`;
  });
  const line =
    reference === undefined ? '' : `<path class="axis" d="M${place(reference)} ${TOP}V${bottom}"/>`;
  return {
    width: WIDTH,
    height: bottom + BOTTOM,
    content: `${ticks.join('')}<path class="axis" d="M${place(scale.ticks[0] as number)} ${bottom}H${WIDTH - RIGHT_MARGIN}"/>${line}
${drawn.join('\n')}
<text class="label" x="${WIDTH / 2}" y="${bottom + 36}" text-anchor="middle">${escaped(x.label)}</text>`,
  };
}

/**
 * Numbers with their intervals in named rows, as a figure in HTML.
 *
 * @example
 * intervalChart({ title: 'Gain', description: 'Mean and 95 % interval.', x: { label: 'points' }, reference: 0,
 *   series: ['Adam'], rows: [{ name: 'sorting', marks: [{ value: 1, low: -1, high: 3 }] }] });
 */
export function intervalChart(chart: IntervalChart): string {
  const { series, rows } = chart;
  const styles = series.map((name, i) => ({ name, style: defaultStyle(i) }));
  const table = rows.map(({ name, marks }) => [
    name,
    ...marks.map((mark) =>
      mark === null ? '' : `${text(mark.value)} (${text(mark.low)} to ${text(mark.high)})`,
    ),
  ]);
  return figureOf(chart, [part(chart)], series.length > 1 ? legend(styles) : '', [
    ['', ...series],
    ...table,
  ]);
}

/** The same as one SVG file, without a legend. */
export const intervalDrawing = (chart: IntervalChart): string => fileOf(chart, [part(chart)], 1);
