/**
 * `npm run study:diagnose`: how often `diagnose` is right, on kernels of which it is known what sets their scale; with a
 * name, what it says of that model.
 */
import { writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { drawTable } from '@tfjs-lrm/core/kit';
import { enableTraining } from '@tfjs-lrm/kernels';
import { compile } from '@tfjs-lrm/native';
import {
  describeFlags,
  type Flags,
  numbers,
  oneOf,
  path,
  present,
  readArguments,
  runCommand,
  whole,
} from '@tfjs-lrm/shared';
import { confusion, type Judged, judge, type Trio } from '../diagnose/judge.ts';
import { diagnosesOf, SUBJECTS } from '../diagnose/subjects.ts';
import { TASKS, type Task } from '../diagnose/tasks.ts';
import { type Compiler, train } from '../diagnose/train.ts';

const FACTOR = Math.SQRT2;
const SEEDS: readonly number[] = [21, 22, 23];
const DECAYS: readonly number[] = [0.5, 1.5];

interface Chosen {
  optimizer: 'adam' | 'muon';
  seeds: readonly number[];
  decays: readonly number[];
  steps: number;
  out: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  optimizer: oneOf(['adam', 'muon'], 'of the kernels (default adam)'),
  seeds: numbers(`of data and initial weights (default ${SEEDS})`),
  decays: numbers(`weight decays (default ${DECAYS})`),
  steps: whole(100, 'of each run (default 1200)'),
  out: path('FILE', 'every kernel as a line of JSON'),
  help: present('this text'),
};

const HELP = `Trains ${TASKS.length} small models at three values of S = √(η/λ) with ηλ the same, and compares what diagnose() says of
the run in the middle with whether the norms follow S where the loss does not. Needs tfjs-node, linked: npm run native:link.

  npm run study:diagnose -- [options]
  npm run study:diagnose -- mobilenet|lstm|demo …    trains these instead, and prints what diagnose() says of them: a
                                                     pretrained MobileNetV2 fine-tuned for 200 steps, an LSTM at three
                                                     decays, and the demo's model at three decays

${describeFlags(FLAGS)}`;

/** A kernel of the study. */
interface Case extends Judged {
  readonly task: string;
  readonly decay: number;
  readonly seed: number;
}

const compiled: Compiler = (step) => {
  const recorded = compile(step);
  return { take: (x, y) => recorded(x, y) as tf.Scalar, dispose: () => recorded.dispose() };
};

async function casesOf(
  task: Task,
  decay: number,
  seed: number,
  { optimizer, steps }: { readonly optimizer: 'adam' | 'muon'; readonly steps: number },
): Promise<Case[]> {
  const run = (factor: number) => train({ task, optimizer, decay, seed, factor, steps }, compiled);
  const trio: Trio = {
    low: await run(1 / FACTOR),
    middle: await run(1),
    high: await run(FACTOR),
  };
  const losses = [trio.low, trio.middle, trio.high].map(({ loss }) => loss.toPrecision(3));
  const judged = await judge(trio, FACTOR);
  console.log(`${task.name}, decay ${decay}, seed ${seed}: loss ${losses.join(', ')}`);
  return judged.map((each) => ({ task: task.name, decay, seed, ...each }));
}

const isWrong = ({ truth, verdict }: Case): boolean =>
  (truth === 'moves' && verdict === 'set by data') ||
  (truth === 'does not' && verdict === 'trapped');

function show(cases: readonly Case[]): string {
  const known = cases.filter(({ truth }) => truth !== null);
  const said = known.filter(({ verdict }) => verdict !== 'not yet');
  const wrong = said.filter(isWrong);
  const list = wrong.map(({ task, decay, seed, name, slope, ratio, verdict }) => [
    `${task} ${name}`,
    String(decay),
    String(seed),
    slope.toFixed(2),
    ratio.toFixed(2),
    verdict,
  ]);
  return [
    drawTable(confusion(known), { right: 1 }),
    '',
    `${known.length} kernels of known truth, of ${cases.length}; of ${said.length} that are judged, ${wrong.length} wrongly (${((100 * wrong.length) / said.length).toFixed(0)} %):`,
    drawTable([['kernel', 'decay', 'seed', 'slope', 'ratio', 'verdict'], ...list]),
  ].join('\n');
}

async function main(args: readonly string[]): Promise<number> {
  const { values, names } = readArguments(args, FLAGS, { what: 'model', allowed: SUBJECTS });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { optimizer = 'adam', seeds = SEEDS, decays = DECAYS, steps = 1200, out } = values;
  await tf.setBackend('tensorflow');
  if (names.length > 0) {
    enableTraining();
    for (const name of names)
      for await (const text of diagnosesOf(name, compiled)) console.log(text);
    return 0;
  }
  const cases: Case[] = [];
  for (const seed of seeds)
    for (const decay of decays)
      for (const task of TASKS)
        cases.push(...(await casesOf(task, decay, seed, { optimizer, steps })));
  if (out !== undefined)
    writeFileSync(out, cases.map((each) => `${JSON.stringify(each)}\n`).join(''));
  console.log(`\n${show(cases)}`);
  return 0;
}

await runCommand('study:diagnose', main);
