/** Panels of lines over logarithmic axes, as an SVG. */

export interface Panel {
  readonly axis: string;
  /** What stays as it is along the axis. */
  readonly fixed: string;
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
  }[];
}

const WIDTH = 300;
const HEIGHT = 260;
const MARGIN = { left: 52, top: 34, bottom: 44, right: 14 };
const LEGEND = { column: 150, row: 18 };
/** Told apart without red and green (Okabe and Ito, 2008), and by their marks. */
const COLOURS = ['#888888', '#0072b2', '#e69f00', '#d55e00', '#cc79a7', '#56b4e9', '#000000'];
const MARKS = [
  'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z',
  'M-4-4H4V4H-4z',
  'M0-5L5 4H-5z',
  'M0-5L5 0L0 5L-5 0z',
  'M-5-4H5L0 5z',
];

const scaleOf = (values: readonly number[], from: number, to: number) => {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  return (value: number): number =>
    high === low ? (from + to) / 2 : from + ((Math.log(value) - low) / (high - low)) * (to - from);
};

const text = (x: number, y: number, content: string, anchor = 'middle'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;

/** Round numbers that lie around all times, 1, 2 or 5 of a power of ten. */
function ticksAround(times: readonly number[]): number[] {
  const all = [-2, -1, 0, 1, 2, 3, 4, 5].flatMap((power) =>
    [1, 2, 5].map((digit) => Number(`${digit}e${power}`)),
  );
  const from = all.findLastIndex((tick) => tick <= Math.min(...times));
  const to = all.findIndex((tick) => tick >= Math.max(...times));
  return all.slice(Math.max(from, 0), (to < 0 ? all.length : to) + 1);
}

/** Milliseconds a step over each axis, side by side. */
export function drawPanels(panels: readonly Panel[]): string {
  const points = panels.flatMap(({ lines }) => lines.flatMap((line) => line.points));
  if (points.length === 0) throw new RangeError('drawPanels: there is nothing to draw.');
  const ticks = ticksAround(points.map(({ y }) => y));
  const y = scaleOf(ticks, HEIGHT - MARGIN.bottom, MARGIN.top);
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const colour = (name: string): string => COLOURS[names.indexOf(name) % COLOURS.length] as string;
  const mark = (name: string, at: number, to: number): string =>
    `<path d="${MARKS[names.indexOf(name) % MARKS.length]}" transform="translate(${at.toFixed(1)} ${to.toFixed(1)})" fill="${colour(name)}"/>`;

  const drawn = panels.map((panel, i) => {
    const left = i * WIDTH + MARGIN.left;
    const right = (i + 1) * WIDTH - MARGIN.right;
    const xs = [...new Set(panel.lines.flatMap((line) => line.points.map((point) => point.x)))];
    const x = scaleOf(xs, left + 8, right - 8);
    const lines = panel.lines.map(({ name, points: own }) => {
      const path = own
        .map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`)
        .join(' ');
      return [
        `<polyline points="${path}" fill="none" stroke="${colour(name)}" stroke-width="2"/>`,
        ...own.map((point) => mark(name, x(point.x), y(point.y))),
      ].join('\n');
    });
    const grid = ticks.map((t) => `<path d="M${left} ${y(t).toFixed(1)}H${right}" stroke="#ddd"/>`);
    return [
      ...grid,
      ...lines,
      ...ticks.map((t) => text(left - 6, y(t) + 4, String(t), 'end')),
      ...xs.map((value) => text(x(value), HEIGHT - MARGIN.bottom + 16, String(value))),
      text((left + right) / 2, HEIGHT - 12, `${panel.axis} (${panel.fixed})`),
    ].join('\n');
  });
  const perRow = Math.max(1, Math.floor((panels.length * WIDTH - MARGIN.left) / LEGEND.column));
  const legend = names.map((name, i) => {
    const at = MARGIN.left + (i % perRow) * LEGEND.column;
    const to = HEIGHT + 10 + Math.floor(i / perRow) * LEGEND.row;
    return `<path d="M${at} ${to}h24" stroke="${colour(name)}" stroke-width="2"/>${mark(name, at + 12, to)}${text(at + 30, to + 4, name, 'start')}`;
  });
  const height = HEIGHT + 10 + Math.ceil(names.length / perRow) * LEGEND.row;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${panels.length * WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<title>Milliseconds a training step over width, blocks and batch</title>',
    '<rect width="100%" height="100%" fill="white"/>',
    text(MARGIN.left, 18, 'milliseconds a training step; both axes are logarithmic', 'start'),
    ...drawn,
    ...legend,
    '</svg>\n',
  ].join('\n');
}
