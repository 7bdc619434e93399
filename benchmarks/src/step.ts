/** `npm run bench:step`: one training step of the demo's model, against PyTorch, JAX and tfjs op by op. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { countOf, variantsOf } from './options.ts';
import { inTurn } from './runner.ts';
import { type Summary, summarize } from './statistics.ts';
import { startAll, type Task, VARIANTS, type Variant } from './variants.ts';

const HELP = `Times one training step of the demo's model in every way there is, in turn.

  npm run bench:step -- [--python PATH] [--preset tiny|small] [--rounds N] [--steps N] [--only a,b] [--json FILE]

  --python  a Python with torch 2.13.0 and jax 0.10.2 (default $PYTHON, else python3)
  --preset  size of the demo's model (default small)
  --rounds  rounds of each (default 9)
  --steps   training steps a round (default 5)
  --only    some of: ${VARIANTS.join(', ')} (default all).
            PyTorch eager is torch.optim.Adam as it is; with fused=True in (fused), which Muon lacks, and in torch.compile
  --tasks   some of: adam, adam+multipliers, muon, muon+multipliers (default all)
  --json    also write the results to a file`;

interface Row {
  readonly task: string;
  readonly variant: Variant;
  readonly ms: Summary;
  /** To op by op, round by round. */
  readonly ratio: Summary | null;
}

const TASKS = ['adam', 'adam+multipliers', 'muon', 'muon+multipliers'];

async function measure(
  name: string,
  variants: readonly Variant[],
  {
    preset,
    python,
    ...sizes
  }: { preset: string; python: string; rounds: number; stepsPerRound: number },
): Promise<Row[]> {
  const [optimizer, multipliers] = name.split('+') as [Task['optimizer'], string?];
  const task: Task = { optimizer, multipliers: multipliers !== undefined, preset, size: {} };
  const runners = await startAll(variants, task, python);
  try {
    const times = await inTurn([...runners.values()], sizes);
    const names = [...runners.keys()];
    const base = times[names.indexOf('op by op')];
    return names.map((variant, i) => {
      const own = times[i] as number[];
      const ratios = base?.map((time, round) => (own[round] as number) / time);
      return {
        task: name,
        variant,
        ms: summarize(own),
        ratio: ratios === undefined ? null : summarize(ratios),
      };
    });
  } finally {
    for (const runner of runners.values()) runner.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: process.env['PYTHON'] ?? 'python3' },
      preset: { type: 'string', default: 'small' },
      rounds: { type: 'string', default: '9' },
      steps: { type: 'string', default: '5' },
      only: { type: 'string', default: VARIANTS.join(',') },
      tasks: { type: 'string', default: TASKS.join(',') },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const variants = variantsOf(values.only);
  const tasks = values.tasks.split(',');
  const unknown = tasks.find((name) => !TASKS.includes(name));
  if (unknown !== undefined) throw new Error(`there is no "${unknown}". Try --help.`);
  const sizes = {
    rounds: countOf('rounds', values.rounds),
    stepsPerRound: countOf('steps', values.steps),
  };
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}`;
  console.log(
    `${machine}, ${values.preset}; ${values.rounds} rounds of ${values.steps} steps in turn`,
  );
  const rows: Row[] = [];
  for (const task of tasks) {
    const found = await measure(task, variants, { ...values, ...sizes });
    rows.push(...found);
    for (const { variant, ms, ratio } of found) {
      const spread = `${ms.median.toFixed(1)} (${ms.min.toFixed(1)}–${ms.max.toFixed(1)}) ms`;
      const relative = ratio === null ? '' : `${ratio.median.toFixed(2)} of op by op`;
      console.log(`${task.padEnd(18)}${variant.padEnd(23)}${spread.padEnd(28)}${relative}`);
    }
  }
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine, ...sizes, preset: values.preset, rows }, null, 2)}\n`,
    );
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench:step: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
