/** The runs as a table for the terminal and as a drawing. */
import { CURES, type Measure, overflow, type Run } from './experiment.ts';

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean ± sample standard deviation. */
function spread(values: readonly number[], digits: number): string {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, values.length - 1));
  return `${middle.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}

function overflowText(runs: readonly Run[]): string {
  const found = runs.map(overflow);
  if (found.every((each) => each === null)) return 'not at this pace';
  return found
    .map((each) =>
      each === null ? 'no' : `${each.step}${each.extrapolated ? ' (extrapolated)' : ''}`,
    )
    .join(', ');
}

/** One line a cure. */
export function table(runs: readonly Run[]): string {
  const rows = CURES.map((cure) => {
    const own = runs.filter((run) => run.cure === cure);
    const last = own.map(({ measures }) => measures.at(-1) as Measure);
    return [
      cure,
      spread(
        own.map(({ loss }) => loss),
        3,
      ),
      spread(
        last.map(({ drift }) => drift),
        3,
      ),
      spread(
        last.map(({ multiplier }) => multiplier),
        2,
      ),
      spread(
        last.map(({ activation }) => activation),
        1,
      ),
      overflowText(own),
    ];
  });
  const header = [
    'cure',
    'loss, nats',
    'drift, nats',
    'largest |log multiplier|',
    'largest activation',
    'half precision overflows at step',
  ];
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => (row[column] as string).length)),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const COLOURS = ['#c0392b', '#2471a3', '#1e8449', '#b7950b'];
const [WIDTH, HEIGHT, LEFT, TOP] = [640, 360, 56, 40];

/** Drift by step as SVG: a line a cure through the means, and a band from the smallest to the largest seed. */
export function drawing(runs: readonly Run[]): string {
  const steps = (runs[0] as Run).measures.map(({ step }) => step);
  const end = steps.at(-1) as number;
  const top = Math.max(...runs.flatMap(({ measures }) => measures.map(({ drift }) => drift)));
  const x = (step: number): string => (LEFT + (step / end) * (WIDTH - LEFT - 20)).toFixed(1);
  const y = (drift: number): string =>
    (HEIGHT - 40 - (drift / top) * (HEIGHT - 40 - TOP)).toFixed(1);
  const lines = CURES.flatMap((cure, number) => {
    const own = runs.filter((run) => run.cure === cure);
    const at = (i: number): number[] => own.map(({ measures }) => (measures[i] as Measure).drift);
    const along = (pick: (values: number[]) => number): string[] =>
      steps.map((step, i) => `${x(step)},${y(pick(at(i)))}`);
    const band = [...along((v) => Math.max(...v)), ...along((v) => Math.min(...v)).reverse()];
    const colour = COLOURS[number];
    return [
      `<polygon points="${band.join(' ')}" fill="${colour}" opacity="0.2"/>`,
      `<polyline points="${along(mean).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${LEFT + 10 + number * 140}" y="20" fill="${colour}">${cure}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<path d="M${LEFT} ${TOP}V${HEIGHT - 40}H${WIDTH - 20}" fill="none" stroke="black"/>`,
    `<text x="4" y="${TOP + 4}">${top.toPrecision(2)}</text><text x="4" y="${HEIGHT - 40}">0 nats</text>`,
    `<text x="${WIDTH - 110}" y="${HEIGHT - 14}">step ${end}</text>`,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}
