/** What all charts share: the frame with axes, the styles of series, the legend, the table of the data. */

import { type Axis, type AxisScale, labelsOf } from './axis-scale.ts';
import { escaped, htmlTable } from './html.ts';
import { COLOURS, STROKES } from './style.ts';

/** How a series looks; by default each has its own. Series never differ in colour alone. */
export interface Style {
  readonly hue: number;
  readonly dash: number;
  readonly marker: number;
}

export interface Chart {
  readonly title: string;
  /** What is to be seen, in words. */
  readonly description: string;
  readonly x: Axis;
  readonly y: Axis;
}

// In units of the drawing, which is as wide as its place on the page.
export const WIDTH = 480;
const HEIGHT = 330;
const LEFT = 54;
const RIGHT_MARGIN = 22; // room for half of the last number
const TOP = 34;
const BOTTOM = HEIGHT - 48;
const HUES = 8;

const DASHES = ['', '7 4', '2 3', '9 3 2 3', '12 4', '5 2 1 2 1 2'];
/** Shapes around the origin, about 8 wide. */
export const MARKERS: readonly string[] = [
  'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z',
  'M-3.5-3.5h7v7h-7z',
  'M0-4.8L4.5 3.4h-9z',
  'M0-5L5 0L0 5L-5 0z',
  'M0 4.8L4.5-3.4h-9z',
  'M-4.5-1.5h3v-3h3v3h3v3h-3v3h-3v-3h-3z',
];

export const pick = (list: readonly string[], at: number): string =>
  list[at % list.length] as string;

export const defaultStyle = (index: number): Style => ({ hue: index, dash: index, marker: index });

export const hueClass = ({ hue }: Style): string => `hue${hue % HUES}`;

export const round = (value: number): string => String(Math.round(value * 100) / 100);

/** Places in a frame of some width. */
export const across = (scale: AxisScale, value: number, width: number = WIDTH): number =>
  LEFT + scale.at(value) * (width - RIGHT_MARGIN - LEFT);
export const upward = (scale: AxisScale, value: number): number =>
  BOTTOM - scale.at(value) * (BOTTOM - TOP);

export interface Scales {
  readonly x: AxisScale;
  readonly y: AxisScale;
}

export type Point = readonly [x: number, y: number];

export const pathOf = (points: readonly Point[]): string =>
  points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('');

/** A line through places, with about `marks` markers on it. */
export function strokeOf(
  points: readonly Point[],
  style: Style,
  marks: number,
  offset: number,
): string {
  const dash = pick(DASHES, style.dash);
  const line = `<path class="line"${dash ? ` stroke-dasharray="${dash}"` : ''} d="${pathOf(points)}"/>`;
  const every = Math.max(1, Math.ceil(points.length / marks));
  const markers = points
    .filter((_, i) => (i + every - (offset % every)) % every === Math.floor(every / 2))
    .map(
      ([x, y]) =>
        `<path class="mark" transform="translate(${round(x)} ${round(y)})" d="${pick(MARKERS, style.marker)}"/>`,
    );
  return line + markers.join('');
}

function axes({ x, y }: Pick<Chart, 'x' | 'y'>, scales: Scales, width: number = WIDTH): string {
  const { x: xScale, y: yScale } = scales;
  const right = width - RIGHT_MARGIN;
  const [xTexts, yTexts] = [labelsOf(x, xScale.ticks), labelsOf(y, yScale.ticks)];
  const xTicks = xScale.ticks.map((tick, i) => {
    const at = round(across(xScale, tick, width));
    return `<path class="grid" d="M${at} ${TOP}V${BOTTOM}"/><text x="${at}" y="${BOTTOM + 17}" text-anchor="middle">${xTexts[i]}</text>`;
  });
  const yTicks = yScale.ticks.map((tick, i) => {
    const at = upward(yScale, tick);
    return `<path class="grid" d="M${LEFT} ${round(at)}H${right}"/><text x="${LEFT - 6}" y="${round(at + 4.5)}" text-anchor="end">${yTexts[i]}</text>`;
  });
  return `${xTicks.join('')}${yTicks.join('')}<path class="axis" d="M${LEFT} ${TOP}V${BOTTOM}H${right}"/>
<text class="label" x="${(LEFT + right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(x.label)}</text>
<text class="label" x="4" y="16">${escaped(y.label)}</text>`;
}

export const legend = (series: readonly { name: string; style: Style }[]): string =>
  `<ul class="legend">${series
    .map(
      ({ name, style }) =>
        `<li><svg class="${hueClass(style)}" viewBox="0 0 44 12" aria-hidden="true">${strokeOf(
          [
            [2, 6],
            [22, 6],
            [42, 6],
          ],
          style,
          1,
          0,
        )}</svg> ${escaped(name)}</li>`,
    )
    .join('')}</ul>`;

const LEGEND_ROW = 20;

/** A frame with its lines; several stand side by side in a file. */
export interface Framed extends Pick<Chart, 'x' | 'y'> {
  readonly scales: Scales;
  readonly content: string;
}

/** Frames of one width as an SVG file, which has its own colours and paper, since no page provides them. */
export function drawing(
  { title, description }: Pick<Chart, 'title' | 'description'>,
  frames: readonly Framed[],
  series: readonly { name: string; style: Style }[],
  width: number = WIDTH,
): string {
  const total = width * frames.length;
  const names = series.map(({ name, style }, i) => {
    const x = LEFT + width * (i % frames.length);
    const y = HEIGHT + 12 + Math.floor(i / frames.length) * LEGEND_ROW;
    const sample = strokeOf(
      [
        [x, y],
        [x + 22, y],
        [x + 44, y],
      ],
      style,
      1,
      0,
    );
    return `<g class="${hueClass(style)}">${sample}</g><text x="${x + 54}" y="${y + 4.5}">${escaped(name)}</text>`;
  });
  const drawn = frames.map(
    (frame, i) =>
      `<g transform="translate(${i * width} 0)">${axes(frame, frame.scales, width)}\n${frame.content}</g>`,
  );
  const height = HEIGHT + 8 + Math.ceil(series.length / frames.length) * LEGEND_ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title><desc id="description">${escaped(description)}</desc>
<style>${COLOURS}
${STROKES}</style>
<rect width="${total}" height="${height}" rx="6" fill="var(--paper)"/>
${drawn.join('\n')}
${names.join('\n')}
</svg>
`;
}

let figures = 0;

/** A part of a figure as HTML: its size in units of the drawing, and what is in it. */
export interface Part {
  readonly width: number;
  readonly height: number;
  readonly content: string;
}

/** Parts as a whole figure in HTML: heading, drawings, what explains them, and the data as a table behind a click. */
export function figureOf(
  { title, description }: Pick<Chart, 'title' | 'description'>,
  parts: readonly Part[],
  explained: string,
  rows: readonly (readonly string[])[],
): string {
  const id = `figure${++figures}`;
  const drawn = parts.map(
    (
      { width, height, content },
      i,
    ) => `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}title${i} ${id}description${i}">
<title id="${id}title${i}">${escaped(title)}</title><desc id="${id}description${i}">${escaped(description)}</desc>
${content}
</svg>`,
  );
  return `<figure>
<figcaption><h3>${escaped(title)}</h3><p>${escaped(description)}</p></figcaption>
${parts.length > 1 ? `<div class="panels">${drawn.join('\n')}</div>` : drawn.join('\n')}
${explained}
<details><summary>The data of this chart</summary>${htmlTable(rows, title)}</details>
</figure>`;
}

/** A figure of one frame with axes and a legend. */
export const figure = (
  chart: Chart,
  scales: Scales,
  content: string,
  series: readonly { name: string; style: Style }[],
  rows: readonly (readonly string[])[],
): string =>
  figureOf(
    chart,
    [{ width: WIDTH, height: HEIGHT, content: `${axes(chart, scales)}\n${content}` }],
    legend(series),
    rows,
  );

/** Parts in a grid as one SVG file, with its own colours and paper, since no page provides them. */
export function fileOf(
  { title, description }: Pick<Chart, 'title' | 'description'>,
  parts: readonly Part[],
  columns: number,
): string {
  const [width, height] = [
    Math.max(...parts.map((part) => part.width)),
    Math.max(...parts.map((part) => part.height)),
  ];
  const total = [
    width * Math.min(columns, parts.length),
    height * Math.ceil(parts.length / columns),
  ];
  const drawn = parts.map(
    ({ content }, i) =>
      `<g transform="translate(${width * (i % columns)} ${height * Math.floor(i / columns)})">${content}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total.join(' ')}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title><desc id="description">${escaped(description)}</desc>
<style>${COLOURS}
${STROKES}</style>
<rect width="${total[0]}" height="${total[1]}" rx="6" fill="var(--paper)"/>
${drawn.join('\n')}
</svg>
`;
}
