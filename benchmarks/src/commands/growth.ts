/** `npm run bench:growth`: how the time of a step grows with width, depth and batch, drawn as an SVG. */
import { writeFileSync } from 'node:fs';
import {
  describeFlags,
  type Flags,
  type Panel,
  panelDrawing,
  path,
  present,
  readFlags,
  runCommand,
  someOf,
  whole,
} from '@tfjs-lrm/shared';
import { machineName } from '../machine.ts';
import { type Summary, summarize } from '../statistics.ts';
import { measureVariants, PYTHON, type Task, VARIANTS, type Variant } from '../variants.ts';
import { sizeOf } from '../workloads.ts';

type Size = Task['size'];
type AxisName = 'width' | 'blocks' | 'batch';
const BASE: Size = { width: 128, heads: 4, mlp: 352, blocks: 4, batch: 32 };

/** Heads keep their size; the MLP keeps its ratio to the width. */
const AXES: Readonly<Record<AxisName, readonly { readonly at: number; readonly size: Size }[]>> = {
  width: [64, 128, 256, 512].map((width) => ({
    at: width,
    size: { width, heads: width / 32, mlp: Math.round((width * 2.75) / 16) * 16 },
  })),
  blocks: [2, 4, 8].map((blocks) => ({ at: blocks, size: { blocks } })),
  batch: [8, 16, 32, 64].map((batch) => ({ at: batch, size: { batch } })),
};
/** What does not change along an axis. */
const FIXED: Readonly<Record<AxisName, string>> = {
  width: '4 blocks, batch 32',
  blocks: 'width 128, batch 32',
  batch: 'width 128, 4 blocks',
};

const DEFAULT: readonly Variant[] = ['op by op', 'graph', 'XLA', 'PyTorch eager', 'torch.compile'];

interface Chosen {
  python: string;
  rounds: number;
  steps: number;
  only: readonly Variant[];
  axes: readonly AxisName[];
  out: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  python: path('PATH', 'a Python with torch 2.13.0 (default $PYTHON, else python3)'),
  rounds: whole(1, 'rounds of each (default 5)'),
  steps: whole(1, 'training steps a round (default 3)'),
  only: someOf(VARIANTS, `variants (default ${DEFAULT.join(',')})`),
  axes: someOf(Object.keys(AXES) as AxisName[], 'some of: width, blocks, batch (default all)'),
  out: path('FILE', 'the drawing (default growth.svg); the numbers go beside it as JSON'),
  help: present('this text'),
};

const HELP = `Times a training step of the demo's small model at other widths, depths and batch sizes, in turn.

  npm run bench:growth -- [options]

${describeFlags(FLAGS)}`;

type Times = ReadonlyMap<Variant, Summary>;

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { python = PYTHON, rounds = 5, steps = 3, out = 'growth.svg' } = values;
  const { only: variants = DEFAULT, axes = Object.keys(AXES) as AxisName[] } = values;
  const points = axes.flatMap((axis) =>
    AXES[axis].map(({ at, size }) => ({ axis, at, size: { ...BASE, ...size } })),
  );

  // The axes meet in the base size, which is measured once.
  const sizes = new Map(points.map(({ axis, at, size }) => [keyOf(size), { axis, at, size }]));
  const machine = `${machineName()}, Node ${process.version}`;
  console.log(`${machine}; ${rounds} rounds of ${steps} steps in turn`);
  const counts = { rounds, stepsPerRound: steps };
  const measured = new Map<string, Times>();
  const began = performance.now();
  for (const [key, { axis, at, size }] of sizes) {
    console.log(
      `[${measured.size + 1}/${sizes.size}] ${axis} ${at} (${minutesSince(began)} min) …`,
    );
    const task: Task = { optimizer: 'adam', multipliers: true, preset: 'small', size };
    const times = await measureVariants(variants, task, python, counts);
    const summaries = new Map([...times].map(([variant, ms]) => [variant, summarize(ms)]));
    measured.set(key, summaries);
    for (const [variant, ms] of summaries) {
      console.log(
        `  ${variant.padEnd(23)}${ms.median.toFixed(1)} (${ms.min.toFixed(1)}–${ms.max.toFixed(1)}) ms`,
      );
    }
  }

  const numbers = points.map(({ axis, at, size }) => ({
    ...{ axis, at, size: sizeOf({ preset: 'small', ...size }) },
    ms: Object.fromEntries(measured.get(keyOf(size)) ?? []),
  }));
  writeFileSync(out, drawing(numbers, variants));
  writeFileSync(
    `${out}.json`,
    `${JSON.stringify({ machine, ...counts, points: numbers }, null, 2)}\n`,
  );
  console.log(`${out} and ${out}.json written after ${minutesSince(began)} min`);
  return 0;
}

/** A panel an axis, a line a variant. */
function drawing(
  points: readonly { axis: AxisName; at: number; ms: Readonly<Record<string, Summary>> }[],
  variants: readonly Variant[],
): string {
  const axes = [...new Set(points.map(({ axis }) => axis))];
  const panels = axes.map((axis): Panel => {
    const along = points.filter((point) => point.axis === axis);
    const lines = variants.map((name) => ({
      name,
      points: along.flatMap(({ at, ms }) => (ms[name] ? [{ x: at, y: ms[name].median }] : [])),
    }));
    return {
      x: { label: `${axis} (${FIXED[axis]})`, log: true, ticks: along.map(({ at }) => at) },
      lines: lines.filter((line) => line.points.length > 0),
    };
  });
  return panelDrawing(
    {
      title: 'Milliseconds a training step over width, blocks and batch',
      description: 'Medians; both axes are logarithmic, and lower is faster.',
      y: { label: 'milliseconds a step', log: true },
    },
    panels,
  );
}

const keyOf = (size: Size): string => JSON.stringify(Object.entries(size).sort());
const minutesSince = (began: number): string => ((performance.now() - began) / 60_000).toFixed(1);

await runCommand('bench:growth', main);
