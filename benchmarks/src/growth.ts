/** `npm run bench:growth`: how the time of a step grows with width, depth and batch, drawn as an SVG. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { drawPanels, type Panel } from './growth-drawing.ts';
import { inTurn } from './runner.ts';
import { summarize } from './statistics.ts';
import { startAll, type Variant } from './variants.ts';

const HELP = `Times a training step of the demo's small model at other widths, depths and batch sizes, in turn.

  npm run bench:growth -- [--python PATH] [--rounds N] [--steps N] [--only a,b] [--out FILE]

  --python  a Python with torch 2.13.0 (default $PYTHON, else python3)
  --rounds  rounds of each (default 5)
  --steps   training steps a round (default 3)
  --only    default op by op,graph,XLA,PyTorch eager
  --out     the drawing (default growth.svg); the numbers go beside it as JSON`;

/** Heads keep their size; the MLP keeps its ratio to the width. */
const AXES = {
  width: [64, 128, 256, 512].map((width) => ({
    at: width,
    size: { width, heads: width / 32, mlp: Math.round((width * 2.75) / 16) * 16 },
  })),
  blocks: [2, 4, 8].map((blocks) => ({ at: blocks, size: { blocks } })),
  batch: [8, 16, 32, 64].map((batch) => ({ at: batch, size: { batch } })),
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: process.env['PYTHON'] ?? 'python3' },
      rounds: { type: 'string', default: '5' },
      steps: { type: 'string', default: '3' },
      only: { type: 'string', default: 'op by op,graph,XLA,PyTorch eager' },
      out: { type: 'string', default: 'growth.svg' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const sizes = { rounds: Number(values.rounds), stepsPerRound: Number(values.steps) };
  const panels: Panel[] = [];
  for (const [axis, points] of Object.entries(AXES)) {
    const lines = new Map<string, { x: number; y: number }[]>();
    for (const { at, size } of points) {
      const task = { optimizer: 'adam', multipliers: true, preset: 'small', size } as const;
      const runners = await startAll(values.only.split(',') as Variant[], task, values.python);
      try {
        const times = await inTurn([...runners.values()], sizes);
        [...runners.keys()].forEach((variant, i) => {
          const { median } = summarize(times[i] as number[]);
          console.log(`${axis} ${at}: ${variant} ${median.toFixed(1)} ms`);
          lines.set(variant, [...(lines.get(variant) ?? []), { x: at, y: median }]);
        });
      } finally {
        for (const runner of runners.values()) runner.stop();
      }
    }
    panels.push({ axis, lines: [...lines].map(([name, found]) => ({ name, points: found })) });
  }
  writeFileSync(values.out, drawPanels(panels));
  writeFileSync(`${values.out}.json`, `${JSON.stringify(panels, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(`bench:growth: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
