import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  comparison,
  makeCorpus,
  type Preset,
  type Recipe,
  VERSION,
} from '@tfjs-lrm/language-model';
import { describeFlags, Mistake, readFlags } from '@tfjs-lrm/shared';
import { bestBackend, checkBackend, checkWorkers, compileFor } from '../backend.ts';
import { RunFolder, refuseExisting } from '../runs/checkpoint/run-folder.ts';
import { compare } from '../runs/compare.ts';
import { boardFolder, checkBoard } from '../runs/tensor-board.ts';
import { checkLength, readAgain, readText } from '../text.ts';
import type { Command } from './command.ts';
import { type Chosen, COMPARED, FLAGS, MODEL, presetOf, RUNNING, TRAINING } from './train-flags.ts';

const HELP = `Trains a small character-level language model several times and compares the runs: with AdamW at a
well-set and at a badly set weight decay and with Muon at the badly set one, each without and with
learnable multipliers. It takes about three minutes on two cores.

  npm run demo                                            the comparison, on Moby Dick
  npm run demo -- --text book.txt --multipliers both      on a text of yours
  npm run demo -- --optimizer adamw --decay 0.1 --seeds 3
  npm run demo -- --resume                                goes on after Ctrl-C or a crash

what is compared
${describeFlags(COMPARED)}

the model, in place of the preset's
${describeFlags(MODEL)}

the training (defaults in brackets)
${describeFlags(TRAINING)}

where it runs and what it writes
${describeFlags(RUNNING)}

In the folder: report.html, metrics.ndjson (a line a step), models/ (without multipliers, for any tfjs),
checkpoints/, settings.json. Exit codes: 0 done; 1 training failed; 2 wrong input or a full disk;
130, 143 stopped by Ctrl-C or a signal, with a checkpoint.`;

const withoutUndefined = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Partial<T>;

/** Checks everything, then creates the folder. */
function begin(values: Chosen): RunFolder {
  const preset = presetOf(values);
  const { width, heads } = preset;
  if (width % (2 * heads) !== 0)
    throw new Mistake(
      `--width must be a multiple of twice --heads. Received --width ${width} and --heads ${heads}. Try --width ${2 * heads * Math.max(1, Math.round(width / (2 * heads)))}.`,
    );
  const backend = values.backend ?? bestBackend();
  checkBackend(backend);
  const compile = compileFor(values.compile ?? 'auto', backend);
  const { workers = 1 } = values;
  checkWorkers(workers, backend, compile, preset.batch);
  checkMup(values.mup, preset);
  if (values.tensorboard !== undefined) checkBoard();
  const { text, source } = readText(values.text ?? null);
  checkLength(makeCorpus(text), preset.context);
  const out = values.out ?? join('runs', new Date().toISOString().replace(/[:.]/g, '-'));
  refuseExisting(out);
  const { multipliers = 'both', seed = 1, seeds = 1 } = values;
  const recipe: Partial<Recipe> = withoutUndefined({
    learningRate: values['learning-rate'],
    multiplierDecay: values['multiplier-decay'],
    finalFactor: values['final-factor'],
    warmup: values.warmup,
    cooldown: values.cooldown,
    beta1: values.beta1,
    beta2: values.beta2,
    epsilon: values.epsilon,
    momentum: values.momentum,
    clip: values.clip,
    mupBase: values.mup,
  }) as Partial<Recipe>;
  const runs = comparison({
    preset,
    backend,
    compile,
    workers,
    recipe,
    optimizer: values.optimizer,
    decays: values.decay,
    mixers: values.mixer,
    multipliers: multipliers === 'both' ? [false, true] : [multipliers === 'on'],
    seeds: Array.from({ length: seeds }, (_, i) => seed + i),
  });
  const checkpointEvery = values['checkpoint-every'] ?? 50;
  return RunFolder.create(out, {
    ...{ version: VERSION, text: source, checkpointEvery, runs },
    ...(values.tensorboard !== undefined && { tensorboard: boardFolder(values.tensorboard, out) }),
  });
}

/** µP keeps the size of heads, so a base has whole heads of that size. */
function checkMup(base: number | undefined, { width, heads }: Preset): void {
  const size = width / heads;
  if (base === undefined || base % size === 0) return;
  throw new Mistake(
    `--mup must be a multiple of the size of a head, which is --width ${width} / --heads ${heads}. Received ${base}. Try --mup ${size * Math.max(1, Math.round(base / size))}.`,
  );
}

/** The folder of the latest run in runs/. */
function latestRun(): string {
  let folders: string[] = [];
  try {
    folders = readdirSync('runs').map((name) => join('runs', name));
  } catch {
    // reported below
  }
  const begun = folders.flatMap((folder) => {
    const settings = statSync(join(folder, 'settings.json'), { throwIfNoEntry: false });
    return settings ? [{ folder, time: settings.mtimeMs }] : [];
  });
  const last = begun.sort((a, b) => b.time - a.time)[0];
  if (last === undefined)
    throw new Mistake('--resume: no run began in runs/. Give its folder, as in --resume DIR.');
  return last.folder;
}

function goOn(values: Chosen): RunFolder {
  const other = Object.keys(values).find((name) => name !== 'resume' && name !== 'json');
  if (other !== undefined)
    throw new Mistake(
      `--${other} does not go with --resume, which keeps the settings of the run. Leave it out, or begin anew.`,
    );
  const folder = RunFolder.open(values.resume || latestRun(), (warning) =>
    console.error(`demo: ${warning}`),
  );
  checkBackend(folder.settings.runs[0]?.backend as Parameters<typeof checkBackend>[0]);
  readAgain(folder.settings.text);
  return folder;
}

export const command: Command = {
  help: () => HELP,
  run: (args) => {
    const values = readFlags(args, FLAGS);
    const folder = values.resume === undefined ? begin(values) : goOn(values);
    return compare(folder, { json: values.json ?? false, isResumed: values.resume !== undefined });
  },
};
