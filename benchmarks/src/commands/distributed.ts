/** `npm run bench:distributed`: what several workers cost and win, and a model of many. Needs tensorflow. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawTable } from '@tfjs-lrm/core/kit';
import type { PresetName } from '@tfjs-lrm/language-model';
import {
  describeFlags,
  type Flags,
  type Panel,
  panelDrawing,
  path,
  present,
  readFlags,
  runCommand,
  whole,
} from '@tfjs-lrm/shared';
import {
  allReduceTime,
  efficiency,
  FORMS,
  fitMessages,
  type Message,
  type MessageCost,
  type Steps,
} from '../distributed-cost.ts';
import { machineName } from '../machine.ts';
import { summarize } from '../statistics.ts';

interface Chosen {
  rounds: number;
  steps: number;
  launches: number;
  out: string;
  from: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  launches: whole(1, 'how often each number of workers is started, in turn (default 3)'),
  rounds: whole(1, 'rounds of each form a launch (default 5)'),
  steps: whole(1, 'training steps a round (default 3)'),
  out: path('FILE', 'the drawing (default distributed.svg); the numbers go beside it as JSON'),
  from: path(
    'FILE',
    'measures nothing, and draws the numbers of a file that a run before has written',
  ),
  help: present('this text'),
};

const HELP = `Times steps and messages of several workers on this machine, one thread each, and draws what follows for more.

  npm run bench:distributed -- [options]

${describeFlags(FLAGS)}`;

const PRESET_NAMES = ['tiny', 'small'] as const;
const COUNTS = [8, 16, 32, 64, 128, 256, 512, 1024];
/** Assumed, not measured: a message takes 25 µs through two cards and a switch. */
const NETWORKS = {
  '10 Gbit/s': { bandwidth: 1e10, delay: 0.025 },
  '100 Gbit/s': { bandwidth: 1e11, delay: 0.025 },
};
/** Assumed, not measured: a model of which a step takes a second. */
const LARGE = { name: '100 M parameters', parameters: 1e8, ms: 1000 };

/** Of a process that does nothing for a message. */
const FREE: MessageCost = { latency: 0, perByte: 0 };

const launcher = fileURLToPath(import.meta.resolve('@tfjs-lrm/distributed/package.json'));

/** What worker 0 prints. */
function launch<T>(workers: number, args: readonly string[]): T {
  const main = launcher.replace(/package\.json$/, 'dist/main.js');
  const worker = fileURLToPath(new URL('../distributed-worker.js', import.meta.url));
  const env = { ...process.env, TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
  const command = [main, 'run', '--workers', String(workers), worker, ...args];
  const output = execFileSync(process.execPath, command, { env, encoding: 'utf8' });
  const line = output.split('\n').find((each) => /^\[0\] [[{]/.test(each));
  return JSON.parse((line as string).slice(4)) as T;
}

const medianOf = (values: readonly (number | undefined)[]): number =>
  summarize(values.filter((value) => value !== undefined)).median;

/** The medians over several launches. */
function middle(all: readonly Steps[]): Steps {
  const over = (kind: 'wall' | 'cpu') =>
    Object.fromEntries(
      FORMS.filter((form) => all[0]?.[kind][form] !== undefined).map((form) => [
        form,
        medianOf(all.map((each) => each[kind][form])),
      ]),
    );
  return { ...(all[0] as Steps), wall: over('wall'), cpu: over('cpu') };
}

interface Measured {
  readonly name: PresetName;
  readonly one: Steps;
  readonly two: Steps;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const ms = (value: number | undefined): string => `${(value as number).toFixed(1)} ms`;

/** A line for each model and kind of time: the share of a step that the all-reduce takes, by wall and by processor. */
function stepTable(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ name, one, two }) =>
    (['wall', 'cpu'] as const).map((kind) => {
      const {
        alone,
        'one buffer': flat,
        'one per variable': each,
      } = two[kind] as Required<Steps['wall']>;
      return [
        `${name}, ${kind === 'wall' ? 'on the clock' : 'of a processor'}`,
        ...[ms(one[kind].alone), ms(alone), ms(flat), ms(each)],
        ...[percent(1 - alone / flat), percent(1 - alone / each)],
        ((one[kind].alone as number) / flat).toFixed(2),
      ];
    }),
  );
  const head = [
    ...['model', '1 worker', '2, no exchange', '2, one buffer', '2, one a variable'],
    ...['share', 'share, one a variable', 'speed of 2'],
  ];
  return drawTable([head, ...rows], { right: 1 });
}

function messageTable(
  cost: MessageCost,
  measured: ReadonlyMap<number, readonly Message[]>,
): string {
  const instant = { bandwidth: Number.POSITIVE_INFINITY, delay: 0 };
  const rows = [...measured].flatMap(([workers, messages]) =>
    messages.map(({ bytes, ms: time }) => [
      String(workers),
      `${bytes / 1e3} kB`,
      `${time.toFixed(2)} ms`,
      `${allReduceTime(workers, bytes, cost, instant).toFixed(2)} ms`,
    ]),
  );
  return drawTable([['workers', 'tensor', 'measured', 'model'], ...rows], { right: 1 });
}

function drawing(cost: MessageCost, measured: readonly Measured[]): string {
  const models = [
    ...measured.map(({ name, one, two }) => ({
      name,
      parameters: two.parameters,
      ms: one.cpu.alone as number,
    })),
    LARGE,
  ];
  const panels = models.map(
    (model): Panel => ({
      x: {
        label: `workers: ${model.name}, ${model.ms.toFixed(0)} ms a step`,
        log: true,
        ticks: COUNTS,
      },
      lines: Object.entries(NETWORKS).flatMap(([name, network]) =>
        Object.entries({ [name]: cost, [`${name}, the network alone`]: FREE }).map(
          ([line, message]) => ({
            name: line,
            points: COUNTS.map((workers) => {
              const time = allReduceTime(workers, 4 * model.parameters, message, network);
              return { x: workers, y: 100 * efficiency(model.ms, time) };
            }),
          }),
        ),
      ),
    }),
  );
  return panelDrawing(
    {
      title: 'Share of a step in which workers compute, by their number',
      description: `A model, not a measurement: a ring of 2(N − 1) messages, each ${cost.latency.toFixed(3)} ms of the process and ${(1e6 * cost.perByte).toFixed(2)} ns a byte as fitted on one machine, 25 µs under way as assumed; gradients are sent when all are there. Every worker has a whole batch of its own.`,
      y: { label: '% of a step that is computing' },
    },
    panels,
  );
}

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { launches = 3, rounds = 5, steps = 3, out = 'distributed.svg' } = values;
  if (values.from !== undefined) {
    const { cost, measured } = JSON.parse(readFileSync(values.from, 'utf8')) as {
      cost: MessageCost;
      measured: Measured[];
    };
    writeFileSync(out, drawing(cost, measured));
    return 0;
  }
  const machine = `${machineName()}, Node ${process.version}`;
  console.log(
    `${machine}; ${launches} launches of ${rounds} rounds of ${steps} steps, compiled, one thread a worker\n`,
  );
  const counts = [String(rounds), String(steps)];
  const measured = PRESET_NAMES.map((name): Measured => {
    const all = Array.from({ length: launches }, () =>
      [1, 2].map((workers) => launch<Steps>(workers, [name, ...counts])),
    );
    const [one, two] = [0, 1].map((i) => middle(all.map((each) => each[i] as Steps)));
    return { name, one: one as Steps, two: two as Steps };
  });
  console.log(`${stepTable(measured)}\n`);
  const messages = new Map(
    [2, 4].map((workers) => [workers, launch<Message[]>(workers, ['messages', '20'])] as const),
  );
  const cost = fitMessages(messages.get(2) as Message[]);
  console.log(
    `a message of n bytes: ${cost.latency.toFixed(3)} ms + ${(1e6 * cost.perByte).toFixed(2)} ns · n, fitted to 2 workers\n${messageTable(cost, messages)}\n`,
  );
  writeFileSync(out, drawing(cost, measured));
  const numbers = {
    machine,
    launches,
    rounds,
    steps,
    measured,
    messages: Object.fromEntries(messages),
    cost,
  };
  writeFileSync(`${out}.json`, `${JSON.stringify(numbers, null, 2)}\n`);
  console.log(`${out} and ${out}.json written`);
  return 0;
}

await runCommand('bench:distributed', main);
