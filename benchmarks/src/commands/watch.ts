/** `npm run bench:watch`: what watching scales adds to training. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { drawTable } from '@tfjs-lrm/core/kit';
import { enableTraining } from '@tfjs-lrm/kernels';
import { isLinked } from '@tfjs-lrm/native/linked';
import {
  describeFlags,
  type Flags,
  number,
  path,
  present,
  readFlags,
  runCommand,
} from '@tfjs-lrm/shared';
import { machineName } from '../machine.ts';
import { ratios } from '../runner.ts';
import { medianInterval, type Summary } from '../statistics.ts';
import { added, EVERY, type Watched, type Way, watchCost } from '../watch-cost.ts';

interface Chosen {
  minutes: number;
  json: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  minutes: number('how long it may take, about; more makes the intervals narrower (default 2.5)'),
  json: path('FILE', 'also write the times of all blocks to a file'),
  help: present('this text'),
};

const HELP = `Trains models with and without watchScales in turn, ${EVERY} steps at a time with one point in each, in one process, and
prints what the watch adds in percent: the median of the pairs, and its interval of 95 %. "within" is the processor time of the calls
that take a point, alone.

  npm run bench:watch -- [options]

${describeFlags(FLAGS)}`;

interface Condition {
  readonly model: Watched;
  readonly way: Way;
}

const CONDITIONS: readonly Condition[] = (
  [
    ['wasm', false],
    ['tensorflow', false],
    ['tensorflow', true],
  ] as const
).flatMap(([backend, compiles]) =>
  (['demo', 'lstm of characters', 'iris'] as const).map((model) => ({
    model,
    way: { backend, compiles },
  })),
);

const shown = ({ median, min, max }: Summary): string =>
  `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;

async function main(args: readonly string[]): Promise<number> {
  const { minutes = 2.5, json, help } = readFlags(args, FLAGS);
  if (help) {
    console.log(HELP);
    return 0;
  }
  await import('@tensorflow/tfjs-backend-wasm');
  const isThere = isLinked();
  if (isThere) await import('@tfjs-lrm/native');
  else console.log('tfjs-node is not linked: wasm alone. Try npm run native:link.');
  const conditions = CONDITIONS.filter(({ way }) => isThere || way.backend === 'wasm');
  console.log(
    `${machineName()}, load ${(loadavg()[0] as number).toFixed(1)}; pairs of ${EVERY} steps`,
  );
  enableTraining();
  const rows: string[][] = [];
  const results: unknown[] = [];
  for (const condition of conditions) {
    const { model, way } = condition;
    process.stderr.write(
      `${model} on ${way.backend}, ${way.compiles ? 'compiled' : 'as it is'} …\n`,
    );
    await tf.setBackend(way.backend);
    const cost = await watchCost(model, way, (minutes * 60_000) / conditions.length);
    const { cpu, wall, within } = cost;
    results.push({ ...condition, ...cost });
    rows.push([
      model,
      way.backend,
      way.compiles ? 'yes' : 'no',
      (medianInterval(cpu.plain).median / EVERY).toFixed(2),
      String(cpu.plain.length),
      shown(medianInterval(ratios(within, cpu.plain).map((ratio) => 100 * ratio))),
      shown(medianInterval(added(cpu))),
      shown(medianInterval(added(wall))),
    ]);
  }
  const header = [
    'model',
    'backend',
    'compiled',
    'CPU ms/step',
    'pairs',
    'within, %',
    'CPU time, + %',
    'time, + %',
  ];
  console.log(drawTable([header, ...rows], { right: 3 }));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results)}\n`);
  return 0;
}

await runCommand('bench:watch', main);
