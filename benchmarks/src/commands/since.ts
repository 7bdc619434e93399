/** `npm run bench:since`: training steps with the kernels package of an earlier commit, and with the present one. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
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
import type { Side } from '../comparisons.ts';
import type { LayersModelName } from '../layers-models.ts';
import { measure, nodeRunner, ratios } from '../runner.ts';
import { summarize } from '../statistics.ts';

interface Chosen {
  commit: string;
  rounds: number;
  steps: number;
  wall: true;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  commit: path('COMMIT', 'what to compare with'),
  rounds: whole(1, 'rounds of each (default 9)'),
  steps: whole(1, 'training steps a round (default 5)'),
  wall: present('the time that passes, for an idle machine; CPU time of the process if left out'),
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

const WORKLOADS: readonly Pick<Side, 'label' | 'workload' | 'options'>[] = [
  {
    label: "the demo's model",
    workload: 'language-model',
    options: { multipliers: true, optimizer: 'adam' },
  },
  ...LAYERS_MODELS.map((model) => ({
    label: model,
    workload: 'layers-model' as const,
    options: { model, optimizer: 'tfjs' },
  })),
];

async function main(args: readonly string[]): Promise<number> {
  const { commit, rounds = 9, steps = 5, wall, help } = readFlags(args, FLAGS);
  if (help || commit === undefined) {
    console.log(HELP);
    return help ? 0 : 1;
  }
  const kernelsFrom = kernelsOf(commit);
  const clock = wall ? 'time' : 'CPU time';
  console.log(
    `${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]!.toFixed(1)}; ${clock}, ${rounds} rounds of ${steps} steps in turn`,
  );
  for (const backend of ['wasm', 'tensorflow'] as const) {
    for (const workload of WORKLOADS) {
      const now: Side = { ...workload, backend, kernels: true, isCpuTime: wall !== true };
      const sides = [now, { ...now, kernelsFrom }];
      const [after, before] = (await measure(
        sides.map((side) => () => nodeRunner(side)),
        { rounds, stepsPerRound: steps },
      )) as [number[], number[]];
      const { median, min, max } = summarize(ratios(after, before));
      const ms = `${summarize(before).median.toFixed(1)} → ${summarize(after).median.toFixed(1)} ms`;
      console.log(
        `${backend.padEnd(12)}${workload.label.padEnd(22)}${ms.padEnd(22)}${median.toFixed(3)} (${min.toFixed(3)}–${max.toFixed(3)})`,
      );
    }
  }
  return 0;
}

await runCommand('bench:since', main);
