/** `npm run bench:step`: one training step of the demo's model, against PyTorch, JAX and tfjs op by op. */
import { writeFileSync } from 'node:fs';
import { PRESETS, type PresetName } from '@tfjs-lrm/language-model';
import {
  describeFlags,
  type Flags,
  oneOf,
  path,
  present,
  readFlags,
  runCommand,
  someOf,
  whole,
} from '@tfjs-lrm/shared';
import { machineName } from '../machine.ts';
import { type Counts, ratios } from '../runner.ts';
import { type Summary, summarize } from '../statistics.ts';
import { measureVariants, PYTHON, type Task, VARIANTS, type Variant } from '../variants.ts';

const TASKS = ['adam', 'adam+multipliers', 'muon', 'muon+multipliers'] as const;
type TaskName = (typeof TASKS)[number];

interface Chosen {
  python: string;
  preset: PresetName;
  rounds: number;
  steps: number;
  only: readonly Variant[];
  tasks: readonly TaskName[];
  json: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  python: path('PATH', 'a Python with torch 2.13.0 and jax 0.10.2 (default $PYTHON, else python3)'),
  preset: oneOf(Object.keys(PRESETS) as PresetName[], "size of the demo's model (default small)"),
  rounds: whole(1, 'rounds of each (default 9)'),
  steps: whole(1, 'training steps a round (default 5)'),
  only: someOf(
    VARIANTS,
    `some of: ${VARIANTS.join(', ')} (default all). PyTorch eager is torch.optim.Adam as it is; (fused) and torch.compile have fused=True, which Muon lacks`,
  ),
  tasks: someOf(TASKS, `some of: ${TASKS.join(', ')} (default all)`),
  json: path('FILE', 'also write the results to a file'),
  help: present('this text'),
};

const HELP = `Times one training step of the demo's model in every way there is, in turn.

  npm run bench:step -- [options]

${describeFlags(FLAGS)}`;

interface Row {
  readonly task: string;
  readonly variant: Variant;
  readonly ms: Summary;
  /** To the time of op by op, round by round. */
  readonly ratio: Summary | null;
}

async function rowsOf(
  name: TaskName,
  variants: readonly Variant[],
  { preset, python, ...counts }: { preset: string; python: string } & Counts,
): Promise<Row[]> {
  const [optimizer, multipliers] = name.split('+') as [Task['optimizer'], string?];
  const task: Task = { optimizer, multipliers: multipliers !== undefined, preset, size: {} };
  const times = await measureVariants(variants, task, python, counts);
  const base = times.get('op by op');
  return [...times].map(([variant, ms]) => ({
    ...{ task: name, variant, ms: summarize(ms) },
    ratio: base === undefined ? null : summarize(ratios(ms, base)),
  }));
}

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { python = PYTHON, preset = 'small', rounds = 9, steps = 5 } = values;
  const { only: variants = VARIANTS, tasks = TASKS } = values;
  const machine = `${machineName()}, Node ${process.version}`;
  console.log(`${machine}, ${preset}; ${rounds} rounds of ${steps} steps in turn`);
  const sizes = { rounds, stepsPerRound: steps };
  const rows: Row[] = [];
  for (const task of tasks) {
    const measured = await rowsOf(task, variants, { python, preset, ...sizes });
    rows.push(...measured);
    for (const { variant, ms, ratio } of measured) {
      const spread = `${ms.median.toFixed(1)} (${ms.min.toFixed(1)}–${ms.max.toFixed(1)}) ms`;
      const relative = ratio === null ? '' : `${ratio.median.toFixed(2)} of op by op`;
      console.log(`${task.padEnd(18)}${variant.padEnd(23)}${spread.padEnd(28)}${relative}`);
    }
  }
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ machine, ...sizes, preset, rows }, null, 2)}\n`);
  return 0;
}

await runCommand('bench:step', main);
