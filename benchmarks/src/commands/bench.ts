/** `npm run bench`: what each feature costs, as the ratio of two processes that take turns. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { drawTable } from '@tfjs-lrm/core/kit';
import { PRESETS, type PresetName } from '@tfjs-lrm/language-model';
import {
  describeFlags,
  type Flags,
  Mistake,
  oneOf,
  path,
  present,
  readArguments,
  runCommand,
  whole,
} from '@tfjs-lrm/shared';
import { compare, type Result, sized } from '../compare.ts';
import { COMPARISONS } from '../comparisons.ts';
import type { Summary } from '../statistics.ts';

interface Chosen {
  backend: 'wasm' | 'tensorflow';
  compile: 'graph' | 'xla';
  preset: PresetName;
  rounds: number;
  steps: number;
  json: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  backend: oneOf(['wasm', 'tensorflow'], 'tensorflow where tfjs-node is linked (default wasm)'),
  compile: oneOf(
    ['graph', 'xla'],
    'makes each step one function of TensorFlow (default: operation by operation)',
  ),
  preset: oneOf(Object.keys(PRESETS) as PresetName[], "size of the demo's model (default tiny)"),
  rounds: whole(1, 'rounds of each side (default 9)'),
  steps: whole(1, 'training steps a round (default 10)'),
  json: path('FILE', 'also write the results to a file'),
  help: present('this text'),
};

const PROFILE = 'profile';
const GROUPS = [undefined, ...new Set(COMPARISONS.flatMap(({ group }) => group ?? []))];
const NAMES = GROUPS.map((group) => {
  const names = COMPARISONS.filter((c) => c.group === group).map(({ name }) => name);
  return `  ${(group ?? 'default').padEnd(14)} ${names.join(', ')}`;
});

const HELP = `Measures what each feature costs: two processes take turns, and the ratio of their times a step is reported.

  npm run bench -- [name or group …] [options]
  npm run bench -- profile [--preset tiny|small]     prints where the time of a step goes on wasm, instead

${NAMES.join('\n')}

${describeFlags(FLAGS)}`;

async function environment(backend: string): Promise<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const version = (name: string): string =>
    (
      JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')) as {
        version: string;
      }
    ).version;
  const cores = cpus();
  return {
    machine: `${cores.length} × ${cores[0]?.model.trim()}, ${platform()} ${arch()}`,
    node: process.version,
    'tfjs-core': version('@tensorflow/tfjs-core'),
    ...(backend === 'tensorflow'
      ? { tensorflow: await nameOfTensorFlow() }
      : {
          'tfjs-backend-wasm': `${version('@tensorflow/tfjs-backend-wasm')} (SIMD, one thread)`,
        }),
  };
}

async function nameOfTensorFlow(): Promise<string> {
  const { info } = await import('@tfjs-lrm/native');
  const { tensorflow, package: name, devices } = info();
  return `${tensorflow} through ${name} on ${devices.map(({ type }) => type).join(', ')}`;
}

const spread = ({ median, min, max }: Summary, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

function table(results: readonly Result[]): string {
  const rows = [
    ['benchmark', 'a', 'b', 'backend', 'a, ms/step', 'b, ms/step', 'ratio a/b'],
    ...results.map(({ comparison: { name, a, b }, ...r }) => [
      name,
      a.label,
      b.label,
      a.backend === b.backend ? a.backend : `${a.backend}, ${b.backend}`,
      spread(r.a, 1),
      spread(r.b, 1),
      spread(r.ratio, 3),
    ]),
  ];
  return drawTable(rows, { right: 4 });
}

async function main(args: readonly string[]): Promise<number> {
  const { values, names } = readArguments(args, FLAGS, {
    what: 'benchmark',
    allowed: [PROFILE, ...COMPARISONS.flatMap(({ name, group }) => [name, group ?? name])],
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { backend = 'wasm', compile, preset = 'tiny', rounds = 9, steps = 10 } = values;
  if (compile !== undefined && backend !== 'tensorflow')
    throw new Mistake('--compile needs --backend tensorflow.');
  const isProfile = names.includes(PROFILE);
  if (isProfile && names.length > 1)
    throw new Mistake(`${PROFILE} stands alone. Received ${names.join(', ')}.`);
  const conditions = { ...(await environment(backend)), preset, ...(compile && { compile }) };
  for (const [name, value] of Object.entries(conditions)) console.log(`${name}: ${value}`);
  if (isProfile) {
    const { profile } = await import('../profile.ts');
    await profile(preset);
    return 0;
  }
  const chosen = COMPARISONS.filter(({ name, group }) =>
    names.length === 0
      ? group === undefined
      : names.includes(name) || names.includes(group ?? name),
  );
  const results: Result[] = [];
  for (const comparison of chosen) {
    process.stderr.write(`measuring ${comparison.name} …\n`);
    const sides = sized(comparison, preset, backend, compile);
    results.push(await compare(sides, { rounds, stepsPerRound: steps }));
  }
  console.log(
    `\n${rounds} rounds of ${steps} steps in turn; median (smallest–largest)\n${table(results)}`,
  );
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ conditions, results }, null, 2)}\n`);
  return 0;
}

await runCommand('bench', main);
