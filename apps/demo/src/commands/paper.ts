import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import {
  describeFlags,
  type Flags,
  Mistake,
  oneOf,
  path,
  present,
  readArguments,
} from '@tfjs-lrm/shared';
import { BACKENDS, type BackendName, bestBackend, checkBackend, compileFor } from '../backend.ts';
import { describe, type Outcome, readSettings } from '../paper/experiment.ts';
import { EXPERIMENTS } from '../paper/index.ts';
import { publish } from '../paper/publish.ts';
import { type Finished, paperReport, picture, verdictTable } from '../paper/report.ts';
import { CellStore, type Job, runCells, type Standing } from '../paper/run-cells.ts';
import { duration } from '../runs/terminal/status.ts';
import type { Command } from './command.ts';

interface Chosen {
  quick: true;
  publish: true;
  backend: BackendName;
  out: string;
}

const FLAGS: Flags<Chosen> = {
  quick: present(
    'a version of a few minutes, too short and with too few seeds for a verdict that counts',
  ),
  publish: present(
    "also writes the README's table and pictures and docs/guides/paper.md, from full runs of all experiments",
  ),
  backend: oneOf(BACKENDS, 'what computes (default: the fastest that is there)'),
  out: path(
    'DIR',
    'the folder for paper.html and the finished runs, which a second call keeps (default runs/paper)',
  ),
};

const HELP = `Looks for the effects of the paper (arXiv 2601.04890) at the size of a demo, each against a rule for its verdict
that was written before the first run. Settings are in apps/demo/src/paper/*.json. An interrupted command goes on where it was.

  npm run demo -- paper              all experiments
  npm run demo -- paper scale mlp    those alone

${EXPERIMENTS.map(({ name, title }) => `  ${name.padEnd(12)} ${title}`).join('\n')}

${describeFlags(FLAGS)}`;

/** How far all experiments together are. */
const progress = ({ done, total, secondsLeft, last }: Standing): string =>
  [
    `${done}/${total} runs`,
    secondsLeft === null ? null : `${duration(secondsLeft)} left`,
    last === null ? null : describe(last),
  ]
    .filter((part) => part !== null)
    .join('  ');

/** One line that rewrites itself, or a line a run where there is no terminal. */
function show(standing: Standing): void {
  const { stdout } = process;
  if (!stdout.isTTY) stdout.write(`${progress(standing)}\n`);
  else stdout.write(`\r\x1b[K${progress(standing).slice(0, (stdout.columns || 80) - 1)}`);
}

async function run(args: readonly string[]): Promise<number> {
  const { values, names } = readArguments(args, FLAGS, {
    what: 'experiment',
    allowed: EXPERIMENTS.map(({ name }) => name),
  });
  const backend = values.backend ?? bestBackend();
  checkBackend(backend);
  const machine = { backend, compile: compileFor('auto', backend) };
  const isQuick = values.quick === true;
  if (values.publish && (isQuick || names.length > 0))
    throw new Mistake('--publish needs all experiments, not quick ones or some of them.');
  const out = values.out ?? join('runs', 'paper');
  mkdirSync(out, { recursive: true });
  const store = new CellStore(join(out, 'cells'));
  const chosen = EXPERIMENTS.filter(({ name }) => names.length === 0 || names.includes(name));
  const began = performance.now();
  const planned = chosen.map((experiment) => {
    const settings = readSettings(experiment.name, isQuick);
    const jobs = experiment.plans(settings).map(
      (plan): Job => ({
        cell: { ...plan, ...machine },
        seconds: experiment.seconds?.(plan, settings) ?? settings.seconds,
        isAlone: experiment.isAlone === true,
      }),
    );
    return { experiment, settings, jobs };
  });
  await runCells(
    planned.flatMap(({ jobs }) => jobs),
    store,
    show,
  );
  const finished = planned.map(({ experiment, settings, jobs }): Finished => {
    const outcomes = jobs.map(({ cell }) => store.get(cell) as Outcome);
    const verdict = experiment.judge(outcomes, settings);
    return { experiment, settings, outcomes, verdict, isQuick };
  });
  for (const each of finished) {
    const drawn = picture(each);
    if (drawn !== null)
      writeDurably(join(out, `${each.experiment.name}.svg`), [Buffer.from(drawn)]);
  }
  const file = join(out, 'paper.html');
  writeDurably(file, [Buffer.from(paperReport(finished))]);
  console.log(`\n${verdictTable(finished)}\n`);
  for (const { experiment, verdict } of finished)
    console.log(`${experiment.name}: ${verdict.because}\n`);
  if (values.publish) console.log(`Written: ${publish(finished).join(', ')}.`);
  console.log(`${duration((performance.now() - began) / 1000)}. Drawn in ${file}.`);
  return 0;
}

export const command: Command = { help: () => HELP, run };
