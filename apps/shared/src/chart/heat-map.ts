import { type Chart, figureOf, fileOf, type Part, round } from './figure.ts';
import { escaped } from './html.ts';

/** A number as it is written, how strongly it is coloured, from 0 to 1, and whether it has a frame. */
export interface HeatCell {
  readonly text: string;
  /** What stands in the table of the data; `text` by default. */
  readonly detail?: string;
  readonly shade: number;
  readonly isFramed: boolean;
}

/** Numbers over two lists, in several panels alike. */
export interface HeatMap extends Pick<Chart, 'title' | 'description'> {
  readonly columns: { readonly label: string; readonly places: readonly string[] };
  readonly rows: { readonly label: string; readonly places: readonly string[] };
  /** `cells[row][column]`. */
  readonly panels: readonly {
    readonly name: string;
    readonly cells: readonly (readonly HeatCell[])[];
  }[];
}

const CELL = { width: 54, height: 30 };
const LEFT = 62;
const TOP = 48;
const BOTTOM = 44;
const RIGHT = 14;
/** So strong that text on it stays legible. */
const STRONGEST = 0.5;

function parts({ columns, rows, panels }: HeatMap): Part[] {
  const [across, down] = [columns.places.length * CELL.width, rows.places.length * CELL.height];
  return panels.map(({ name, cells }) => {
    const drawn = cells.flatMap((row, r) =>
      row.map(({ text, shade, isFramed }, c) => {
        const [x, y] = [LEFT + c * CELL.width, TOP + r * CELL.height];
        const strength = round(STRONGEST * Math.min(1, Math.max(0, shade)));
        const frame = isFramed
          ? `<rect class="frame" x="${x + 2}" y="${y + 2}" width="${CELL.width - 4}" height="${CELL.height - 4}"/>`
          : '';
        return `<rect class="heat" x="${x}" y="${y}" width="${CELL.width}" height="${CELL.height}" fill-opacity="${strength}"/>${frame}<text class="label" x="${x + CELL.width / 2}" y="${y + CELL.height / 2 + 4.5}" text-anchor="middle">${escaped(text)}</text>`;
      }),
    );
    const columnTexts = columns.places.map(
      (place, c) =>
        `<text x="${LEFT + (c + 0.5) * CELL.width}" y="${TOP + down + 16}" text-anchor="middle">${escaped(place)}</text>`,
    );
    const rowTexts = rows.places.map(
      (place, r) =>
        `<text x="${LEFT - 6}" y="${TOP + (r + 0.5) * CELL.height + 4.5}" text-anchor="end">${escaped(place)}</text>`,
    );
    return {
      width: LEFT + across + RIGHT,
      height: TOP + down + BOTTOM,
      content: `<text class="label strong" x="${LEFT}" y="16">${escaped(name)}</text>
<text x="4" y="${TOP - 8}">${escaped(rows.label)}</text>
<g class="hue0">${drawn.join('\n')}</g>
${rowTexts.join('')}${columnTexts.join('')}
<text class="label" x="${LEFT + across / 2}" y="${TOP + down + 36}" text-anchor="middle">${escaped(columns.label)}</text>`,
    };
  });
}

/**
 * Numbers over two lists as coloured cells with the numbers written in them, as a figure in HTML.
 *
 * @example
 * heatMap({ title: 'Losses', description: 'Framed: below 2.', columns: { label: 'rate', places: ['0.1', '0.2'] },
 *   rows: { label: 'decay', places: ['0'] }, panels: [{ name: 'Adam', cells: [[
 *     { text: '1.9', shade: 1, isFramed: true }, { text: '2.1', shade: 0.8, isFramed: false },
 *   ]] }] });
 */
export function heatMap(map: HeatMap): string {
  const { columns, rows, panels } = map;
  const table = panels.flatMap(({ name, cells }) =>
    cells.map((row, r) => [
      `${name}, ${rows.label} ${rows.places[r]}`,
      ...row.map(({ text, detail = text }) => detail),
    ]),
  );
  return figureOf(map, parts(map), '', [[columns.label, ...columns.places], ...table]);
}

/** The same as one SVG file, with two panels in a row. */
export const heatMapDrawing = (map: HeatMap): string => fileOf(map, parts(map), 2);
