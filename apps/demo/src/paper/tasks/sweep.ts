/**
 * Chooses rate and decay of each optimizer for `tasks`, without multipliers: first the rate at a decay of 0.1, in steps of
 * √2 from 4e-3, then the decay at that rate, in steps of 3 from 0.1, up or down for as long as the held-out loss of one seed
 * at half the steps falls.
 *
 *   node apps/demo/dist/paper/tasks/sweep.js > apps/demo/src/paper/tasks/sweep.ndjson
 */
import { makeCorpus, mean } from '@tfjs-lrm/language-model';
import { bestBackend, compileFor } from '../../backend.ts';
import { readText } from '../../text.ts';
import { useBackend } from '../../training/use-backend.ts';
import { listOf } from '../curves.ts';
import { readSettings } from '../experiment.ts';
import { type TaskSettings, train } from '../tasks.ts';
import { TASKS } from './score.ts';

const RATE = { from: 0.004, step: Math.SQRT2 };
const DECAY = { from: 0.1, step: 3 };
/** None of the seeds of the experiment. */
const SEED = 11;

const backend = bestBackend();
await useBackend(backend);
const corpus = makeCorpus(readText(null).text);
const { preset, multiplierDecay, examples, lossBatches } = readSettings<TaskSettings>(
  'tasks',
  false,
);

async function lossOf(
  optimizer: 'AdamW' | 'Muon',
  learningRate: number,
  decay: number,
): Promise<number> {
  const rates = { learningRate, decay };
  const settings = {
    preset: { ...preset, steps: preset.steps / 2 },
    adamw: rates,
    muon: rates,
    multiplierDecay,
    examples,
    lossBatches,
  };
  const cell = {
    experiment: 'tasks',
    varied: { optimizer, multipliers: 'without' as const },
    seed: SEED,
    settings,
    backend,
    compile: compileFor('auto', backend),
  };
  const measured = await train(cell, corpus);
  const { loss } = measured;
  const scores = TASKS.map((task) => [task, mean(listOf(task)(measured))]);
  console.log(JSON.stringify({ optimizer, ...rates, loss, ...Object.fromEntries(scores) }));
  return loss as number;
}

/** The loss of each choice, which is trained once. */
const known = new Map<string, number>();

async function cachedLossOf(...choice: Parameters<typeof lossOf>): Promise<number> {
  const key = choice.join();
  const loss = known.get(key) ?? (await lossOf(...choice));
  known.set(key, loss);
  return loss;
}

/** A value whose neighbours have a higher loss, from `from` in steps that multiply it. */
async function descend(
  { from, step }: typeof RATE,
  lossAt: (value: number) => Promise<number>,
): Promise<number> {
  // Two digits, as one would write them.
  const valueAt = (place: number): number => Number((from * step ** place).toPrecision(2));
  const loss = (at: number): Promise<number> => lossAt(valueAt(at));
  let place = 0;
  for (const direction of [1, -1])
    while ((await loss(place + direction)) < (await loss(place))) place += direction;
  return valueAt(place);
}

for (const optimizer of ['AdamW', 'Muon'] as const) {
  const learningRate = await descend(RATE, (rate) => cachedLossOf(optimizer, rate, DECAY.from));
  const decay = await descend(DECAY, (each) => cachedLossOf(optimizer, learningRate, each));
  console.log(JSON.stringify({ optimizer, chosen: { learningRate, decay } }));
}
