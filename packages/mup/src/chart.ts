/** The drawing of a coordinate check: two panels with logarithmic axes, a line for each layer. */

export interface Line {
  readonly name: string;
  readonly slope: number;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

const [WIDTH, HEIGHT] = [420, 300];
const MARGIN = { left: 56, right: 12, top: 30, bottom: 36 };
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

const shortened = (value: number): string => String(Number(value.toPrecision(2)));

/** Positions on a logarithmic axis from `from` to `to`, which is drawn the other way round where they fall. */
function logScale(values: readonly number[], from: number, to: number): (value: number) => number {
  const logs = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log);
  const [least, most] = [Math.min(...logs), Math.max(...logs)];
  const span = Math.max(most - least, 1e-6);
  return (value) => from + ((Math.log(value) - least) / span) * (to - from);
}

/** Powers of a base within the values, with those just outside. */
function ticks(values: readonly number[], base: number): number[] {
  const logs = values
    .filter((value) => value > 0 && Number.isFinite(value))
    .map((value) => Math.log(value) / Math.log(base));
  const [least, most] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))];
  return Array.from({ length: most - least + 1 }, (_, i) => base ** (least + i));
}

function drawPanel({ title, lines }: Panel, left: number): string {
  const points = lines
    .flatMap((line) => line.points)
    .filter(({ y }) => y > 0 && Number.isFinite(y));
  if (points.length === 0) return '';
  const xs = [...new Set(points.map(({ x }) => x))];
  const yTicks = ticks(
    points.map(({ y }) => y),
    10,
  );
  const x = logScale(xs, left + MARGIN.left, left + WIDTH - MARGIN.right);
  const y = logScale(yTicks, HEIGHT - MARGIN.bottom, MARGIN.top);
  const at = (value: number): string => value.toFixed(1);
  const grid = yTicks.map(
    (tick) =>
      `<line x1="${at(left + MARGIN.left)}" x2="${at(left + WIDTH - MARGIN.right)}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#ddd"/>` +
      `<text x="${at(left + MARGIN.left - 6)}" y="${at(y(tick) + 4)}" text-anchor="end">${shortened(tick)}</text>`,
  );
  const columns = xs.map(
    (tick) =>
      `<text x="${at(x(tick))}" y="${at(HEIGHT - MARGIN.bottom + 16)}" text-anchor="middle">${tick}</text>`,
  );
  const curves = lines.map(({ points: line }, i) => {
    const color = COLORS[i % COLORS.length] as string;
    const shown = line.filter(({ y: value }) => value > 0 && Number.isFinite(value));
    const path = shown.map(({ x: u, y: v }) => `${at(x(u))},${at(y(v))}`).join(' ');
    return `<polyline fill="none" stroke="${color}" stroke-width="2" points="${path}"/>`;
  });
  const heading = `<text x="${at(left + MARGIN.left)}" y="18" font-weight="bold">${escaped(title)}</text>`;
  return [heading, ...grid, ...columns, ...curves].join('\n');
}

/** Panels side by side with one legend under them, as an SVG document. */
export function drawPanels(title: string, panels: readonly Panel[]): string {
  const lines = panels[0]?.lines ?? [];
  const height = HEIGHT + 18 * lines.length + 10;
  const legend = lines.map(({ name }, i) => {
    const slopes = panels.map((panel) => panel.lines[i]?.slope.toFixed(2)).join(' and ');
    const top = HEIGHT + 14 + 18 * i;
    return (
      `<rect x="${MARGIN.left}" y="${top - 9}" width="14" height="4" fill="${COLORS[i % COLORS.length]}"/>` +
      `<text x="${MARGIN.left + 22}" y="${top}">${escaped(name)}: slopes ${slopes}</text>`
    );
  });
  const width = WIDTH * panels.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels.map((panel, i) => drawPanel(panel, WIDTH * i)),
    ...legend,
    '</svg>\n',
  ].join('\n');
}
