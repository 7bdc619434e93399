/** `npm run bench:growth`: how the time of a step grows with width, depth and batch, drawn as an SVG. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { drawPanels, type Panel } from './growth-drawing.ts';
import { countOf, variantsOf } from './options.ts';
import { inTurn } from './runner.ts';
import { type Summary, summarize } from './statistics.ts';
import { startAll, type Task, type Variant } from './variants.ts';
import { sizeOf } from './workloads.ts';

const HELP = `Times a training step of the demo's small model at other widths, depths and batch sizes, in turn.

  npm run bench:growth -- [--python PATH] [--rounds N] [--steps N] [--only a,b] [--axes a,b] [--out FILE]

  --python  a Python with torch 2.13.0 (default $PYTHON, else python3)
  --rounds  rounds of each (default 5)
  --steps   training steps a round (default 3)
  --only    variants (default op by op,graph,XLA,PyTorch eager,torch.compile)
  --axes    some of: width, blocks, batch (default all)
  --out     the drawing (default growth.svg); the numbers go beside it as JSON`;

type Size = Task['size'];
const BASE: Size = { width: 128, heads: 4, mlp: 352, blocks: 4, batch: 32 };

/** Heads keep their size; the MLP keeps its ratio to the width. */
const AXES: Readonly<Record<string, readonly { readonly at: number; readonly size: Size }[]>> = {
  width: [64, 128, 256, 512].map((width) => ({
    at: width,
    size: { width, heads: width / 32, mlp: Math.round((width * 2.75) / 16) * 16 },
  })),
  blocks: [2, 4, 8].map((blocks) => ({ at: blocks, size: { blocks } })),
  batch: [8, 16, 32, 64].map((batch) => ({ at: batch, size: { batch } })),
};
/** What does not change along an axis. */
const FIXED: Readonly<Record<string, string>> = {
  width: '4 blocks, batch 32',
  blocks: 'width 128, batch 32',
  batch: 'width 128, 4 blocks',
};

type Times = ReadonlyMap<Variant, Summary>;

async function measure(
  variants: readonly Variant[],
  size: Size,
  python: string,
  rounds: { rounds: number; stepsPerRound: number },
): Promise<Times> {
  const task: Task = { optimizer: 'adam', multipliers: true, preset: 'small', size };
  const runners = await startAll(variants, task, python);
  try {
    const times = await inTurn([...runners.values()], rounds);
    return new Map([...runners.keys()].map((name, i) => [name, summarize(times[i] as number[])]));
  } finally {
    for (const runner of runners.values()) runner.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: process.env['PYTHON'] ?? 'python3' },
      rounds: { type: 'string', default: '5' },
      steps: { type: 'string', default: '3' },
      only: { type: 'string', default: 'op by op,graph,XLA,PyTorch eager,torch.compile' },
      axes: { type: 'string', default: Object.keys(AXES).join(',') },
      out: { type: 'string', default: 'growth.svg' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const variants = variantsOf(values.only);
  const rounds = {
    rounds: countOf('rounds', values.rounds),
    stepsPerRound: countOf('steps', values.steps),
  };
  const axes = values.axes.split(',');
  const unknown = axes.find((axis) => !Object.hasOwn(AXES, axis));
  if (unknown !== undefined) throw new Error(`there is no axis "${unknown}". Try --help.`);
  const points = axes.flatMap((axis) =>
    (AXES[axis] ?? []).map(({ at, size }) => ({ axis, at, size: { ...BASE, ...size } })),
  );

  // The axes meet in the base size, which is measured once.
  const sizes = new Map(points.map(({ axis, at, size }) => [keyOf(size), { axis, at, size }]));
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}`;
  console.log(`${machine}; ${values.rounds} rounds of ${values.steps} steps in turn`);
  const found = new Map<string, Times>();
  const began = performance.now();
  for (const [key, { axis, at, size }] of sizes) {
    console.log(`[${found.size + 1}/${sizes.size}] ${axis} ${at} (${minutesSince(began)} min) …`);
    const times = await measure(variants, size, values.python, rounds);
    found.set(key, times);
    for (const [variant, ms] of times) {
      console.log(
        `  ${variant.padEnd(23)}${ms.median.toFixed(1)} (${ms.min.toFixed(1)}–${ms.max.toFixed(1)}) ms`,
      );
    }
  }

  const panels = axes.map((axis): Panel => {
    const own = points.filter((point) => point.axis === axis);
    const lines = variants.map((name) => ({
      name,
      points: own.flatMap(({ at, size }) => {
        const ms = found.get(keyOf(size))?.get(name);
        return ms === undefined ? [] : [{ x: at, y: ms.median }];
      }),
    }));
    return {
      axis,
      fixed: FIXED[axis] ?? '',
      lines: lines.filter((line) => line.points.length > 0),
    };
  });
  writeFileSync(values.out, drawPanels(panels));
  const numbers = points.map(({ axis, at, size }) => ({
    ...{ axis, at, size: sizeOf({ preset: 'small', ...size }) },
    ms: Object.fromEntries(found.get(keyOf(size)) ?? []),
  }));
  writeFileSync(
    `${values.out}.json`,
    `${JSON.stringify({ machine, ...rounds, points: numbers }, null, 2)}\n`,
  );
  console.log(`${values.out} and ${values.out}.json written after ${minutesSince(began)} min`);
}

const keyOf = (size: Size): string => JSON.stringify(Object.entries(size).sort());
const minutesSince = (began: number): string => ((performance.now() - began) / 60_000).toFixed(1);

try {
  await main();
} catch (error) {
  console.error(`bench:growth: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
