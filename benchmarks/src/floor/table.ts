/** The results as Markdown. */
import { drawTable } from '@tfjs-lrm/core/kit';
import type { Summary } from '../statistics.ts';
import { sum } from './count.ts';
import type { Floor, Report, Row } from './measure.ts';
import { titleOf } from './paths.ts';

const brief = (value: number): string => value.toPrecision(value < 100 ? 2 : 3);
const ratio = (summary: Summary | null, digits = 2): string =>
  summary === null ? '' : summary.median.toFixed(digits);
const spread = (summary: Summary | null): string =>
  summary === null ? '' : `${ratio(summary)} (${summary.min.toFixed(2)}–${summary.max.toFixed(2)})`;

const described = (engine: string, { product, sum: bandwidth, products, memory }: Floor): string =>
  `${engine} ${brief(products + memory)} ms (${brief(products)} for products at ${product.toFixed(0)} GFLOP/s, ${brief(memory)} for memory at ${bandwidth.toFixed(0)} GB/s)`;

const HEADINGS = ['', 'ms', 'of its floor', 'of its products', 'of PyTorch', 'with multipliers'];

const cells = (row: Row): string[] => [
  row.path,
  brief(row.ms.median),
  ratio(row.ofFloor),
  ratio(row.ofProducts),
  ratio(row.ofPyTorch),
  spread(row.multipliers),
];

/** A model's floors, and its paths as a table. */
export function section({ model, amounts, floors, rows }: Report): string {
  const { flop, bytes } = sum(amounts.values());
  const lines = [HEADINGS, HEADINGS.map((_, i) => (i === 0 ? '---' : '--:')), ...rows.map(cells)];
  const { native, wasm } = floors;
  const own = [
    ...(native === undefined ? [] : [described('of the machine', native)]),
    ...(wasm === undefined ? [] : [described('of one thread of wasm', wasm)]),
  ];
  return [
    `${titleOf(model)}: ${(flop / 1e9).toPrecision(3)} GFLOP of products, ${(bytes / 1e6).toFixed(0)} MB for the other kernels. Floor ${own.join(', ')}.`,
    lines.map((line) => `| ${line.join(' | ')} |`).join('\n'),
  ].join('\n\n');
}

/** What each kind of kernel computes and moves. */
export function kernelsOf({ amounts, floors: { native } }: Report): string {
  const rows = [...amounts]
    .map(([kernel, { calls, flop, bytes }]) => {
      const ms = native === undefined ? 0 : flop / native.product / 1e6 + bytes / native.sum / 1e6;
      return { kernel, calls, flop, bytes, ms };
    })
    .sort((a, b) => b.ms - a.ms)
    .map(({ kernel, calls, flop, bytes, ms }) => [
      ...[kernel, String(calls), (flop / 1e9).toFixed(2), (bytes / 1e6).toFixed(1), ms.toFixed(2)],
    ]);
  return drawTable([['kernel', 'calls', 'GFLOP', 'MB', 'ms at best'], ...rows]);
}
