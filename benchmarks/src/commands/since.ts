/** `npm run bench:since`: training steps with the kernels package of an earlier commit, and with the present one. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  describeFlags,
  type Flags,
  path,
  present,
  readFlags,
  runCommand,
  whole,
} from '@tfjs-lrm/shared';
import type { Work } from '../child.ts';
import type { Side } from '../comparisons.ts';
import type { LayersModelName } from '../layers-models.ts';
import { machineName } from '../machine.ts';
import { measure, nodeRunner, type Runner, ratios, withRunners } from '../runner.ts';
import { summarize } from '../statistics.ts';

interface Chosen {
  commit: string;
  rounds: number;
  steps: number;
  wall: true;
  counts: true;
  only: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  commit: path('COMMIT', 'what to compare with'),
  rounds: whole(1, 'rounds of each (default 9)'),
  steps: whole(1, 'training steps a round (default 5)'),
  wall: present('the time that passes, for an idle machine; CPU time of the process if left out'),
  counts: present('the kernels and the bytes of one step instead, which no load changes'),
  only: path('NAME', 'workloads whose name begins with it'),
  help: present('this text'),
};

const HELP = `Compares training steps with the kernels of an earlier commit, round by round.

  npm run bench:since -- --commit COMMIT [options]

${describeFlags(FLAGS)}`;

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Compiles packages/kernels as of a commit, where it finds tfjs; the address of its module. */
function kernelsOf(commit: string): string {
  const folder = `${root}benchmarks/dist/kernels-of-${commit}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = execFileSync('git', ['archive', commit, 'packages/kernels/src'], { cwd: root });
  execFileSync('tar', ['x', '-C', folder], { input: archive });
  const source = `${folder}/packages/kernels/src/index.ts`;
  const options =
    '--ignoreConfig --module nodenext --target es2022 --skipLibCheck --types node --rewriteRelativeImportExtensions';
  execFileSync('npx', ['tsc', ...options.split(' '), '--outDir', `${folder}/dist`, source], {
    cwd: root,
    stdio: 'inherit',
  });
  return pathToFileURL(`${folder}/dist/index.js`).href;
}

const LAYERS_MODELS: readonly LayersModelName[] = [
  'mlp 784-128-64-10',
  'convnet of 5 × 5',
  'lstm of characters',
  'gru of weather',
  'iris',
];

const WORKLOADS: readonly Pick<Side, 'label' | 'workload' | 'options' | 'compile'>[] = [
  {
    label: "the demo's model",
    workload: 'language-model',
    options: { multipliers: true, optimizer: 'adam' },
  },
  {
    label: "the demo's model, compiled",
    workload: 'language-model',
    options: { multipliers: true, optimizer: 'adam' },
    compile: 'graph',
  },
  ...LAYERS_MODELS.map((model) => ({
    label: model,
    workload: 'layers-model' as const,
    options: { model, optimizer: 'tfjs' },
  })),
];

/**
 * The ratio of the rounds, and that of the fastest round of each: other processes only add to a time, so the latter
 * changes less with the load.
 */
function compareTimes([after, before]: readonly [number[], number[]]): string {
  const { median, min, max } = summarize(ratios(after, before));
  const fastest = [before, after].map((times) => Math.min(...times)) as [number, number];
  const ms = `${fastest[0].toFixed(1)} → ${fastest[1].toFixed(1)} ms`;
  const ofFastest = (fastest[1] / fastest[0]).toFixed(3);
  return `${ms.padEnd(22)}${ofFastest}; rounds ${median.toFixed(3)} (${min.toFixed(3)}–${max.toFixed(3)})`;
}

/** Kernels and bytes before and after, and the kernels that changed in number. */
const compareWork = (starts: readonly (() => Promise<Runner>)[]): Promise<string> =>
  withRunners(starts, async (runners) => {
    const work = await Promise.all(runners.map((runner) => runner.count()));
    const [after, before] = work as [Work, Work];
    const total = ({ kernels }: Work): number =>
      Object.values(kernels).reduce((sum, count) => sum + count, 0);
    const names = new Set([...Object.keys(before.kernels), ...Object.keys(after.kernels)]);
    const changes = [...names].flatMap((name) => {
      const change = (after.kernels[name] ?? 0) - (before.kernels[name] ?? 0);
      return change === 0 ? [] : [`${name} ${change > 0 ? '+' : ''}${change}`];
    });
    const bytes = `${(after.bytes / before.bytes).toFixed(4)} × the bytes`;
    return `${total(before)} → ${total(after)} kernels, ${bytes}; ${changes.join(', ') || 'the same kernels'}`;
  });

async function main(args: readonly string[]): Promise<number> {
  const { commit, rounds = 9, steps = 5, wall, counts, only = '', help } = readFlags(args, FLAGS);
  if (help || commit === undefined) {
    console.log(HELP);
    return help ? 0 : 1;
  }
  const kernelsFrom = kernelsOf(commit);
  const clock = wall ? 'time' : 'CPU time';
  const what = counts
    ? 'kernels and bytes of a step'
    : `${clock}, ${rounds} rounds of ${steps} steps in turn`;
  console.log(`${machineName()}, load ${loadavg()[0]!.toFixed(1)}; ${what}`);
  for (const backend of ['wasm', 'tensorflow'] as const) {
    for (const workload of WORKLOADS.filter(({ label }) => label.startsWith(only))) {
      // A compiled step runs as one function, whose kernels tfjs does not see.
      if (workload.compile !== undefined && (backend !== 'tensorflow' || counts)) continue;
      const now: Side = { ...workload, backend, kernels: true, isCpuTime: wall !== true };
      const starts = [now, { ...now, kernelsFrom }].map((side) => () => nodeRunner(side));
      const title = `${backend.padEnd(12)}${workload.label.padEnd(28)}`;
      if (counts) {
        console.log(`${title}${await compareWork(starts)}`);
        continue;
      }
      const times = await measure(starts, { rounds, stepsPerRound: steps });
      console.log(`${title}${compareTimes(times as [number[], number[]])}`);
    }
  }
  return 0;
}

await runCommand('bench:since', main);
