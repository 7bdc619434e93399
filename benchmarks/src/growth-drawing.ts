/** Panels of lines over logarithmic axes, as an SVG. */

export interface Panel {
  readonly axis: string;
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
  }[];
}

const WIDTH = 300;
const HEIGHT = 220;
const MARGIN = { left: 50, top: 20, bottom: 40, right: 15 };
/** Told apart without red and green (Okabe and Ito, 2008). */
const COLOURS = ['#999999', '#0072b2', '#e69f00', '#d55e00', '#cc79a7', '#56b4e9', '#000000'];

const scaleOf = (values: readonly number[], from: number, to: number) => {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  return (value: number): number =>
    high === low ? (from + to) / 2 : from + ((Math.log(value) - low) / (high - low)) * (to - from);
};

/** Milliseconds a step over each axis, side by side. */
export function drawPanels(panels: readonly Panel[]): string {
  const points = panels.flatMap(({ lines }) => lines.flatMap((line) => line.points));
  if (points.length === 0) throw new RangeError('drawPanels: there is nothing to draw.');
  const ticks = [1, 2, 5].flatMap((digit) => [0, 1, 2, 3, 4].map((power) => digit * 10 ** power));
  const times = points.map(({ y }) => y);
  const shown = ticks.filter((t) => t >= Math.min(...times) && t <= Math.max(...times));
  const y = scaleOf(times, HEIGHT - MARGIN.bottom, MARGIN.top);
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const colour = (name: string): string => COLOURS[names.indexOf(name) % COLOURS.length] as string;
  const text = (x: number, at: number, content: string, anchor = 'middle'): string =>
    `<text x="${x.toFixed(1)}" y="${at.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;

  const drawn = panels.map((panel, i) => {
    const left = i * WIDTH + MARGIN.left;
    const right = (i + 1) * WIDTH - MARGIN.right;
    const xs = [...new Set(panel.lines.flatMap((line) => line.points.map((point) => point.x)))];
    const x = scaleOf(xs, left, right);
    const lines = panel.lines.map(({ name, points: own }) => {
      const path = own
        .map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`)
        .join(' ');
      return `<polyline points="${path}" fill="none" stroke="${colour(name)}" stroke-width="2"/>`;
    });
    const grid = shown.map((t) => `<path d="M${left} ${y(t).toFixed(1)}H${right}" stroke="#ddd"/>`);
    return [
      ...grid,
      ...lines,
      ...xs.map((value) => text(x(value), HEIGHT - MARGIN.bottom + 15, String(value))),
      text((left + right) / 2, HEIGHT - 8, panel.axis),
    ].join('\n');
  });
  const labels = shown.map((t) => text(MARGIN.left - 6, y(t) + 4, `${t} ms`, 'end'));
  const legend = names.map(
    (name, i) =>
      `<g fill="${colour(name)}">${text(MARGIN.left + i * 130, HEIGHT + 14, name, 'start')}</g>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${panels.length * WIDTH}" height="${HEIGHT + 24}" font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...drawn,
    ...labels,
    ...legend,
    '</svg>\n',
  ].join('\n');
}
