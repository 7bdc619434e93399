/** `npm run bench:floor`: a training step in every way there is, as a ratio to what the machine could do at best. */
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  describeFlags,
  type Flags,
  path,
  present,
  readFlags,
  runCommand,
  someOf,
  whole,
  withMarked,
} from '@tfjs-lrm/shared';
import { measureModel, type Report } from '../floor/measure.ts';
import { MODELS, type ModelName } from '../floor/paths.ts';
import { kernelsOf, section } from '../floor/table.ts';
import { machineName } from '../machine.ts';
import { PYTHON } from '../variants.ts';

interface Chosen {
  models: readonly ModelName[];
  python: string;
  rounds: number;
  cpu: true;
  kernels: true;
  write: true;
  json: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  models: someOf(MODELS, `some of: ${MODELS.join(', ')} (default all)`),
  python: path('PATH', 'a Python with torch 2.13.0 (default $PYTHON, else python3)'),
  rounds: whole(1, 'rounds of each (default 9)'),
  cpu: present('CPU time of each process on all its threads, for a machine that others use too'),
  kernels: present('also print what each kind of kernel computes and moves'),
  write: present('put the tables into README.md'),
  json: path('FILE', 'also write the results to a file'),
  help: present('this text'),
};

const HELP = `Measures this machine's fastest product and its memory, and every way to run a training step beside them, in turn.
The floor of a step is the time of its products at the speed of the fastest one, and of reading and writing once what its
other kernels read and write.

  npm run bench:floor -- [options]

${describeFlags(FLAGS)}`;

const README = fileURLToPath(new URL('../../../README.md', import.meta.url));

async function conditionsOf(rounds: number, isCpuTime: boolean): Promise<string> {
  const { info } = await import('@tfjs-lrm/native').catch(() => ({ info: null }));
  const tensorflow = info === null ? [] : [`TensorFlow ${info().tensorflow}`];
  return [
    machineName(),
    ...[`Node ${process.version.slice(1)}`, ...tensorflow],
    `load ${(loadavg()[0] as number).toFixed(1)} at the start`,
    `${rounds} rounds in turn, medians`,
    isCpuTime ? 'CPU time on all threads' : 'time that passes',
  ].join(', ');
}

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { models = MODELS, python = PYTHON, rounds = 9 } = values;
  const isCpuTime = values.cpu === true;
  const conditions = await conditionsOf(rounds, isCpuTime);
  console.log(conditions);
  const reports: Report[] = [];
  for (const model of models) {
    const report = await measureModel(model, { python, rounds, isCpuTime }, console.log);
    reports.push(report);
    console.log(`\n${section(report)}`);
    if (values.kernels) console.log(`\n${kernelsOf(report)}`);
  }
  const flags = [
    ...(values.models === undefined ? [] : [`--models ${models.join(',')}`]),
    ...(values.rounds === undefined ? [] : [`--rounds ${rounds}`]),
    ...(isCpuTime ? ['--cpu'] : []),
  ];
  const command = ['npm run bench:floor -- --python PATH', ...flags].join(' ');
  const text = [...reports.map(section), `<sub>\`${command}\`: ${conditions}.</sub>`];
  if (values.write) {
    const marked = { file: 'README.md', name: 'bench:floor', content: text.join('\n\n') };
    writeFileSync(README, withMarked(readFileSync(README, 'utf8'), marked));
  }
  if (values.json !== undefined) {
    const plain = reports.map((each) => ({ ...each, amounts: Object.fromEntries(each.amounts) }));
    writeFileSync(values.json, `${JSON.stringify({ conditions, reports: plain }, null, 2)}\n`);
  }
  return 0;
}

await runCommand('bench:floor', main);
