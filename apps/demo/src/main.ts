import { mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { BACKENDS, bestBackend } from './backend.ts';
import { comparison, PRESETS, type Preset, type PresetName } from './presets.ts';
import { runAll } from './run-all.ts';
import { duration, Status } from './status.ts';
import { table, verdict } from './summary.ts';
import type { StepRecord } from './train.ts';

const HELP = `Trains a small character-level language model on Moby Dick four times, with AdamW:
without and with learnable multipliers, at a well-set and at a badly set weight decay.

  npm run demo -- [options]

  --preset tiny|small   size of model and training: ${describe('tiny')}
                        or ${describe('small')}
  --steps N             number of training steps, in place of the preset's
  --seed N              seed of weights and batches (default 1)
  --backend NAME        ${BACKENDS.join(', ')} (default: the fastest that is there)
  --out DIR             where metrics.ndjson goes (default runs/<time>)
  --help                this text`;

function describe(name: PresetName): string {
  const { width, blocks, steps } = PRESETS[name];
  return `width ${width}, ${blocks} blocks, ${steps} steps`;
}

/** A mistake of the person at the keyboard: told in one line, without a stack. */
class UsageError extends Error {}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} must be a whole number >= ${least}. Received "${text}".`);
  }
  return value;
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  if (!allowed.includes(text as T))
    throw new UsageError(`--${name} must be one of ${allowed.join(', ')}. Received "${text}".`);
  return text as T;
}

function options(
  args: string[],
): { preset: Preset; seed: number; backend: string; out: string } | null {
  const { values } = (() => {
    try {
      const option = { type: 'string' } as const;
      return parseArgs({
        args,
        options: {
          preset: option,
          steps: option,
          seed: option,
          backend: option,
          out: option,
          help: { type: 'boolean' },
        },
      });
    } catch (error) {
      // Node's advice fills three lines; the first sentence says what is wrong.
      throw new UsageError(`${(error as Error).message.split(/[.\n]/)[0]}.`);
    }
  })();
  if (values.help) return null;
  const preset: Preset =
    PRESETS[oneOf('preset', values.preset ?? 'tiny', Object.keys(PRESETS) as PresetName[])];
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  return {
    preset:
      values.steps === undefined ? preset : { ...preset, steps: whole('steps', values.steps, 1) },
    seed: whole('seed', values.seed ?? '1', 0),
    backend: oneOf('backend', values.backend ?? bestBackend(), BACKENDS),
    out: values.out ?? join('runs', stamp),
  };
}

async function main(): Promise<void> {
  const chosen = options(process.argv.slice(2));
  if (chosen === null) {
    console.log(HELP);
    return;
  }
  const { preset, seed, backend, out } = chosen;
  const runs = comparison(preset, seed, backend);
  const began = performance.now();
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'settings.json'), `${JSON.stringify({ runs }, null, 2)}\n`, {
    flag: 'wx',
  });
  const metrics = openSync(join(out, 'metrics.ndjson'), 'wx');
  const { width, blocks, heads, context, batch, steps } = preset;
  console.log(
    `${runs.length} runs of ${steps} steps on ${backend}, learning rate ${runs[0]?.learningRate}\nwidth ${width}, ${blocks} blocks, ${heads} heads, ${batch} × ${context} characters a step\n`,
  );
  const records: StepRecord[][] = runs.map(() => []);
  const status = new Status(runs, process.stdout);
  const results = await runAll(runs, (run, progress) => {
    status.update(run, progress);
    for (const record of progress.records) {
      records[run]?.push(record);
      writeSync(metrics, `${JSON.stringify({ run: runs[run]?.name, ...record })}\n`);
    }
  });
  const finished = runs.map((settings, i) => ({
    settings,
    result: results[i] as (typeof results)[number],
    records: records[i] ?? [],
  }));
  console.log(`\n${table(finished)}\n\n${verdict(finished)}\n`);
  for (const { settings, result } of finished)
    console.log(`${settings.name} writes:\n  ${result.sample.replaceAll('\n', '\n  ')}\n`);
  console.log(
    `${duration((performance.now() - began) / 1000)}. Every step is in ${relative('.', join(out, 'metrics.ndjson'))}.`,
  );
}

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) console.error(`demo: ${error.message} Try --help.`);
  else console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
