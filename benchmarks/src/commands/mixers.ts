/**
 * `npm run bench:mixers`: a training step of blocks of attention, of Mamba2 and of both, against the same in PyTorch, and
 * how it grows with the length of the sequence.
 */
import { writeFileSync } from 'node:fs';
import { MIXERS, type Mixer } from '@tfjs-lrm/language-model';
import {
  describeFlags,
  type Flags,
  numbers,
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
import { type Counts, measure, ratios } from '../runner.ts';
import { type Summary, summarize } from '../statistics.ts';
import { PYTHON, start, VARIANTS, type Variant } from '../variants.ts';

const LENGTHS: readonly number[] = [64, 128, 256, 512, 1024];
const DEFAULT: readonly Variant[] = ['graph', 'PyTorch eager'];

interface Chosen {
  python: string;
  rounds: number;
  steps: number;
  batch: number;
  lengths: readonly number[];
  only: readonly Variant[];
  out: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  python: path('PATH', 'a Python with torch 2.13.0 (default $PYTHON, else python3)'),
  rounds: whole(1, 'rounds of each (default 5)'),
  steps: whole(1, 'training steps a round (default 2)'),
  batch: whole(1, 'sequences a step (default 4)'),
  lengths: numbers(`steps of a sequence (default ${LENGTHS})`),
  only: someOf(VARIANTS, `variants (default ${DEFAULT.join(',')})`),
  out: path('FILE', 'the drawing (default mixers.svg); the numbers go beside it as JSON'),
  help: present('this text'),
};

const HELP = `Times a training step of the demo's tiny model with adam, its blocks made of attention, of Mamba2 or of both at
equal numbers of parameters, in turn.

  npm run bench:mixers -- [options]

${describeFlags(FLAGS)}`;

interface Row {
  readonly length: number;
  readonly mixer: Mixer;
  readonly variant: Variant;
  readonly ms: Summary;
  /** To attention in the same variant, round by round. */
  readonly toAttention: Summary | null;
}

async function rowsOf(
  length: number,
  variants: readonly Variant[],
  { python, batch, ...counts }: { python: string; batch: number } & Counts,
): Promise<Row[]> {
  const sides = variants.flatMap((variant) => MIXERS.map((mixer) => ({ variant, mixer })));
  const starts = sides.map(({ variant, mixer }) => () => {
    const size = { context: length, batch, mixer };
    return start(variant, { optimizer: 'adam', multipliers: false, preset: 'tiny', size }, python);
  });
  const times = await measure(starts, counts);
  return sides.map(({ variant, mixer }, i) => {
    const own = times[i] as number[];
    const at = sides.findIndex((side) => side.variant === variant && side.mixer === 'attention');
    return {
      ...{ length, mixer, variant, ms: summarize(own) },
      toAttention: mixer === 'attention' ? null : summarize(ratios(own, times[at] as number[])),
    };
  });
}

/** A panel a variant, a line a mixer. */
function drawing(rows: readonly Row[], variants: readonly Variant[], batch: number): string {
  const panels = variants.map((variant): Panel => {
    const own = rows.filter((row) => row.variant === variant);
    return {
      x: {
        label: `steps of a sequence (${variant})`,
        log: true,
        ticks: [...new Set(own.map(({ length }) => length))],
      },
      lines: MIXERS.map((name) => ({
        name,
        points: own.flatMap(({ mixer, length, ms }) =>
          mixer === name ? [{ x: length, y: ms.median }] : [],
        ),
      })),
    };
  });
  return panelDrawing(
    {
      title: 'Milliseconds a training step over the length of the sequence',
      description: `Medians, ${batch} sequences; both axes are logarithmic, and lower is faster.`,
      y: { label: 'milliseconds a step', log: true },
    },
    panels,
  );
}

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { python = PYTHON, rounds = 5, steps = 2, batch = 4, out = 'mixers.svg' } = values;
  const { only: variants = DEFAULT, lengths = LENGTHS } = values;
  const machine = `${machineName()}, Node ${process.version}`;
  console.log(`${machine}; ${rounds} rounds of ${steps} steps in turn, ${batch} sequences`);
  const counts = { rounds, stepsPerRound: steps };
  const rows: Row[] = [];
  for (const length of lengths) {
    const measured = await rowsOf(length, variants, { python, batch, ...counts });
    rows.push(...measured);
    for (const { mixer, variant, ms, toAttention } of measured) {
      const spread = `${ms.median.toFixed(1)} (${ms.min.toFixed(1)}–${ms.max.toFixed(1)}) ms`;
      const ratio = toAttention === null ? '' : `${toAttention.median.toFixed(2)} of attention`;
      console.log(
        `${String(length).padEnd(6)}${variant.padEnd(16)}${mixer.padEnd(11)}${spread.padEnd(30)}${ratio}`,
      );
    }
  }
  writeFileSync(out, drawing(rows, variants, batch));
  writeFileSync(`${out}.json`, `${JSON.stringify({ machine, batch, ...counts, rows }, null, 2)}\n`);
  console.log(`${out} and ${out}.json written`);
  return 0;
}

await runCommand('bench:mixers', main);
