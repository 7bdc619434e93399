import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import { describeFlags, type Flags, oneOf, path, present, readArguments } from '@tfjs-lrm/shared';
import { BACKENDS, type BackendName, bestBackend, checkBackend, compileFor } from '../backend.ts';
import { cellsOf, readSettings } from '../paper/experiment.ts';
import { EXPERIMENTS } from '../paper/index.ts';
import { type Finished, lossDrawing, paperReport, verdictTable } from '../paper/report.ts';
import { CellStore, runCells } from '../paper/run-cells.ts';
import { duration } from '../runs/terminal/status.ts';
import type { Command } from './command.ts';

interface Chosen {
  quick: true;
  backend: BackendName;
  out: string;
}

const FLAGS: Flags<Chosen> = {
  quick: present(
    'a version of a few minutes, too short and with too few seeds for a verdict that counts',
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

async function run(args: readonly string[]): Promise<number> {
  const { values, names } = readArguments(args, FLAGS, {
    what: 'experiment',
    allowed: EXPERIMENTS.map(({ name }) => name),
  });
  const backend = values.backend ?? bestBackend();
  checkBackend(backend);
  const machine = { backend, compile: compileFor('auto', backend) };
  const isQuick = values.quick === true;
  const out = values.out ?? join('runs', 'paper');
  mkdirSync(out, { recursive: true });
  const store = new CellStore(join(out, 'cells'));
  const chosen = EXPERIMENTS.filter(({ name }) => names.length === 0 || names.includes(name));
  const finished: Finished[] = [];
  const began = performance.now();
  for (const experiment of chosen) {
    const settings = readSettings(experiment.name, isQuick);
    const cells = cellsOf(experiment.name, experiment.lines, settings, machine);
    const outcomes = await runCells(cells, store, ({ done, total, secondsLeft }) =>
      console.log(
        `${experiment.name}: ${done}/${total} runs${secondsLeft === null ? '' : `, ${duration(secondsLeft)} left`}`,
      ),
    );
    finished.push({
      experiment,
      settings,
      outcomes,
      verdict: experiment.judge(outcomes, settings),
      isQuick,
    });
  }
  for (const each of finished)
    writeDurably(join(out, `${each.experiment.name}.svg`), [Buffer.from(lossDrawing(each))]);
  const file = join(out, 'paper.html');
  writeDurably(file, [Buffer.from(paperReport(finished))]);
  console.log(`\n${verdictTable(finished)}\n`);
  for (const { experiment, verdict } of finished)
    console.log(`${experiment.name}: ${verdict.because}\n`);
  console.log(`${duration((performance.now() - began) / 1000)}. Drawn in ${file}.`);
  return 0;
}

export const command: Command = { help: () => HELP, run };
