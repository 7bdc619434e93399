import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { PRESETS } from '@tfjs-lrm/demo/presets';
import { compare, type Result } from './compare.ts';
import { COMPARISONS, type Comparison, type Side } from './comparisons.ts';
import type { Summary } from './statistics.ts';

const GROUPS = [undefined, ...new Set(COMPARISONS.flatMap(({ group }) => group ?? []))];
const NAMES = GROUPS.map((group) => {
  const names = COMPARISONS.filter((c) => c.group === group).map(({ name }) => name);
  return `  ${(group ?? 'default').padEnd(14)} ${names.join(', ')}`;
});

const HELP = `Measures what each feature costs: two processes take turns, and the ratio of their times a step is reported.

  npm run bench -- [name or group ...] [--backend wasm|tensorflow] [--compile graph|xla] [--preset tiny|small] [--rounds N] [--steps N] [--json FILE]
  npm run bench -- profile [--preset tiny|small]     instead, prints where the time of a step goes on wasm

${NAMES.join('\n')}

  --backend  wasm, or tensorflow where tfjs-node is linked (default wasm)
  --compile  makes each step one function of TensorFlow (default: operation by operation)
  --preset   size of the demo's model (default tiny)
  --rounds   rounds of each side (default 9)
  --steps    training steps a round (default 10)
  --json     also write the results to a file`;

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
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, c) => cell.padEnd(widths[c] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      backend: { type: 'string', default: 'wasm' },
      compile: { type: 'string' },
      preset: { type: 'string', default: 'tiny' },
      rounds: { type: 'string', default: '9' },
      steps: { type: 'string', default: '10' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const isProfile = positionals.length === 1 && positionals[0] === 'profile';
  const unknown = positionals.find(
    (name) => !isProfile && !COMPARISONS.some((c) => c.name === name || c.group === name),
  );
  if (unknown !== undefined) throw new Error(`there is no benchmark "${unknown}". Try --help.`);
  const chosen = COMPARISONS.filter(({ name, group }) =>
    positionals.length === 0
      ? group === undefined
      : positionals.includes(name) || positionals.includes(group ?? name),
  );
  const sizes = { rounds: Number(values.rounds), stepsPerRound: Number(values.steps) };
  if (!Object.values(sizes).every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new Error('--rounds and --steps must be whole numbers > 0.');
  }
  if (!Object.hasOwn(PRESETS, values.preset))
    throw new Error(`--preset must be one of ${Object.keys(PRESETS).join(', ')}.`);
  const { backend } = values;
  if (backend !== 'wasm' && backend !== 'tensorflow')
    throw new Error('--backend must be wasm or tensorflow.');
  const { compile } = values;
  if (compile !== undefined && compile !== 'graph' && compile !== 'xla')
    throw new Error('--compile must be graph or xla.');
  if (compile !== undefined && backend !== 'tensorflow')
    throw new Error('--compile needs --backend tensorflow.');
  const conditions = {
    ...(await environment(backend)),
    preset: values.preset,
    ...(compile && { compile }),
  };
  for (const [name, value] of Object.entries(conditions)) console.log(`${name}: ${value}`);
  if (isProfile) {
    const { profile } = await import('./profile.ts');
    await profile(values.preset);
    return;
  }
  const results: Result[] = [];
  for (const comparison of chosen)
    results.push(await measured(sized(comparison, values.preset, backend, compile), sizes));
  console.log(
    `\n${sizes.rounds} rounds of ${sizes.stepsPerRound} steps in turn; median (smallest–largest)\n${table(results)}`,
  );
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ conditions, results }, null, 2)}\n`);
}

/** The comparison on a backend in the place of wasm, with the demo's model in the size of a preset. */
function sized(
  { name, a, b }: Comparison,
  preset: string,
  backend: Side['backend'],
  compile: Side['compile'],
): Comparison {
  const sideOf = (side: Side): Side => ({
    ...side,
    ...(compile && { compile }),
    backend: side.backend === 'wasm' ? backend : side.backend,
    options: { ...side.options, preset },
  });
  return { name, a: sideOf(a), b: sideOf(b) };
}

async function measured(
  comparison: Comparison,
  sizes: { rounds: number; stepsPerRound: number },
): Promise<Result> {
  process.stderr.write(`measuring ${comparison.name} …\n`);
  return compare(comparison, sizes);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
