import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import { makeCorpus } from '@tfjs-lrm/language-model';
import { describeFlags, type Flags, oneOf, path, readFlags, whole } from '@tfjs-lrm/shared';
import { BACKENDS, type BackendName, bestBackend, checkBackend, compileFor } from '../backend.ts';
import { refuseExisting } from '../runs/checkpoint/run-folder.ts';
import { CURES, type Run, readSettings, trainWith } from '../symmetry/experiment.ts';
import { report, table } from '../symmetry/report.ts';
import { readText } from '../text.ts';
import { useBackend } from '../training/use-backend.ts';
import type { Command } from './command.ts';

interface Chosen {
  steps: number;
  seeds: number;
  backend: BackendName;
  out: string;
}

const { preset, seeds } = readSettings();

const FLAGS: Flags<Chosen> = {
  steps: whole(1, `training steps (${preset.steps})`),
  seeds: whole(1, `seeds of each run (${seeds.length})`),
  backend: oneOf(BACKENDS, 'what computes (default: the fastest that is there)'),
  out: path('DIR', 'a new folder for report.html and symmetry.json (default runs/symmetry-<time>)'),
};

const HELP = `How far a model drifts along its symmetries, without a cure and with each of three: rebalancing, the
placement of multipliers without redundant ones, and a light decay of the multipliers (after fig. 4 of the paper,
arXiv 2601.04890, at small scale). All settings are in apps/demo/src/symmetry/settings.json. Minutes on one core.

  npm run demo -- symmetry

${describeFlags(FLAGS)}`;

async function run(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  const backend = values.backend ?? bestBackend();
  checkBackend(backend);
  const time = new Date().toISOString().replace(/[:.]/g, '-');
  const out = values.out ?? join('runs', `symmetry-${time}`);
  refuseExisting(out);
  mkdirSync(out, { recursive: true });
  await useBackend(backend);
  const compile = compileFor('auto', backend);
  const defaults = readSettings();
  const settings = {
    ...defaults,
    preset: { ...defaults.preset, steps: values.steps ?? defaults.preset.steps },
    seeds: values.seeds ? Array.from({ length: values.seeds }, (_, i) => i + 1) : defaults.seeds,
  };
  const corpus = makeCorpus(readText(null).text);
  const runs: Run[] = [];
  const total = settings.seeds.length * CURES.length;
  for (const seed of settings.seeds) {
    for (const cure of CURES) {
      const done = await trainWith(cure, seed, settings, corpus, compile);
      runs.push(done);
      console.log(
        `${runs.length}/${total}  seed ${seed}, cure: ${cure}: validation loss ${done.loss.toFixed(3)}`,
      );
    }
  }
  const write = (name: string, text: string): void =>
    writeDurably(join(out, name), [Buffer.from(text)]);
  write('symmetry.json', `${JSON.stringify({ backend, settings, runs })}\n`);
  write('report.html', report(runs, settings, backend));
  console.log(`\n${table(runs)}\n\nDrawn in ${join(out, 'report.html')}.`);
  return 0;
}

export const command: Command = { help: () => HELP, run };
