/** A diagnosis as an SVG document: one row a kernel, its scale over what noise and decay alone would give. */
import type { DiagnosisRow, Verdict } from './diagnosis-row.ts';

const ROW = 22;
const TOP = 46;
const LEFT = 250;
const PLOT = 320;
const WIDTH = LEFT + PLOT + 260;
/** The axis runs from 1/8 to 8, by powers of 2. */
const REACH = 3;

/** Told apart by shape as well as by colour. */
const MARKS: Readonly<Record<Verdict, { readonly colour: string; readonly path: string }>> = {
  trapped: { colour: '#b3261e', path: 'M-5,-5h10v10h-10z' },
  'set by data': { colour: '#1b6e3c', path: 'M0,-6L6,5H-6z' },
  'not yet': { colour: '#6b6b6b', path: 'M0,-6L6,0L0,6L-6,0z' },
  'no decay': { colour: '#2457a6', path: 'M-6,-2h12v4h-12z' },
  unknown: { colour: '#6b6b6b', path: 'M-2,-6h4v12h-4z' },
};

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (each) => `&#${each.codePointAt(0)};`);

const xOf = (ratio: number): number =>
  LEFT + (PLOT * (Math.min(REACH, Math.max(-REACH, Math.log2(ratio))) + REACH)) / (2 * REACH);

function rowDrawing(row: DiagnosisRow, index: number): string {
  const y = TOP + (index + 0.5) * ROW;
  const { colour, path } = MARKS[row.verdict];
  const ratio = row.noiseScale === null ? null : row.scale / row.noiseScale;
  const mark =
    ratio === null || !(ratio > 0)
      ? ''
      : `<path d="${path}" transform="translate(${xOf(ratio).toFixed(1)},${y})" fill="${colour}"/>`;
  const said = ratio === null ? row.verdict : `${row.verdict}, ${ratio.toFixed(2)}`;
  return `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${escaped(row.name)}</text>${mark}<text x="${LEFT + PLOT + 12}" y="${y + 4}" fill="${colour}">${escaped(said)}</text>`;
}

/** The drawing; up to `trapped` a scale counts as set by noise and decay. */
export function drawDiagnosis(rows: readonly DiagnosisRow[], trapped: number): string {
  const height = TOP + rows.length * ROW + 40;
  const bottom = TOP + rows.length * ROW;
  const powers = Array.from({ length: 2 * REACH + 1 }, (_, i) => i - REACH);
  const ticks = powers.map((power) => {
    const x = xOf(2 ** power);
    const label = power < 0 ? `1/${2 ** -power}` : String(2 ** power);
    return `<path d="M${x},${TOP}V${bottom}" stroke="#d8d8d8"/><text x="${x}" y="${bottom + 16}" text-anchor="middle">${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12" role="img">
<title>Scale of each kernel over the scale that noise and decay alone would give it</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${LEFT}" y="20" font-size="14">scale / scale by noise and decay alone</text>
<text x="${LEFT}" y="36" fill="#555555">shaded: set by noise and decay</text>
<rect x="${LEFT}" y="${TOP}" width="${(xOf(trapped) - LEFT).toFixed(1)}" height="${bottom - TOP}" fill="#f3dcd9"/>
${ticks.join('\n')}
${rows.map(rowDrawing).join('\n')}
</svg>
`;
}
