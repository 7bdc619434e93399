/** `npm run check:gradients`: judges every case on every backend, with stock tfjs and with enableTraining(). */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { version } from '@tensorflow/tfjs';
import { BACKENDS, type Backend, whatIsMissing } from './backends.ts';
import { docsPage } from './docs-page.ts';
import { describe, faultOf, summarize } from './fault.ts';
import { readCases, readVersions } from './fixtures.ts';
import type { Growth } from './growth.ts';
import { growthInProcess, judgeInProcesses } from './in-processes.ts';
import type { Judgement } from './judge.ts';
import { readKnown, writeKnown } from './known.ts';
import { checkRatios } from './ratios/command.ts';
import { faultsByOperation, isThere, MODES, type Mode } from './results.ts';
import { reasonFor } from './stated.ts';

const HELP = `npm run check:gradients -- [options]

  --backend NAME   one of ${BACKENDS.join(', ')}; may be repeated; all by default
  --mode NAME      one of ${MODES.join(', ')}, which is for tensorflow alone; may be repeated; all by default
  --only NAME      cases whose name begins with it
  --results FOLDER keeps judgements there, and judges only what is not there yet
  --ratios         compares the time of each gradient with that of its forward pass instead
  --write-ratios   the same, and writes ratios.json, which the page shows
  --write-page     writes docs/gradients.md, after a run of everything
  --write-known    writes the list of what ours has at fault`;

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', multiple: true, default: [...BACKENDS] },
    mode: { type: 'string', multiple: true, default: [...MODES] },
    only: { type: 'string', default: '' },
    results: { type: 'string' },
    ratios: { type: 'boolean', default: false },
    'write-ratios': { type: 'boolean', default: false },
    'write-page': { type: 'boolean', default: false },
    'write-known': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit(0);
}

const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

if (options.ratios || options['write-ratios']) {
  const isRight = await checkRatios({
    backends: options.backend,
    only: options.only,
    isWriting: options['write-ratios'],
    onProgress: progress,
  });
  process.exit(isRight ? 0 : 1);
}

const modes = MODES.filter((mode) => options.mode.includes(mode));
const cases = readCases().filter(({ name }) => name.startsWith(options.only));
const names = cases.map(({ name }) => name);

const fileOf = (key: string): string | null =>
  options.results === undefined ? null : join(options.results, `${key}.json`);

/** What an earlier run left in the folder, or null. */
function readResult<Result>(key: string): Result | null {
  const file = fileOf(key);
  if (file === null || !existsSync(file)) return null;
  return JSON.parse(readFileSync(file, 'utf8'), revive) as Result;
}

function writeResult(key: string, result: unknown): void {
  const file = fileOf(key);
  if (file === null) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(result, replace));
}

// JSON has no infinity.
const replace = (_: string, value: unknown): unknown =>
  value === Number.POSITIVE_INFINITY ? 'Infinity' : value;
const revive = (_: string, value: unknown): unknown =>
  value === 'Infinity' ? Number.POSITIVE_INFINITY : value;

/** The judgements of all cases, in their order. */
async function judge(backend: Backend, mode: Mode): Promise<Judgement[]> {
  const key = `${backend}-${mode}`;
  const earlier = readResult<Judgement[]>(key) ?? [];
  const isJudged = new Set(earlier.map(({ name }) => name));
  const rest = names.filter((name) => !isJudged.has(name));
  const judged = await judgeInProcesses(backend, mode, rest, (done) =>
    progress(`${backend}, ${mode}: ${done} of ${rest.length}`),
  );
  const all = new Map([...earlier, ...judged].map((judgement) => [judgement.name, judgement]));
  writeResult(key, [...all.values()]);
  return names.map((name) => all.get(name)!);
}

async function countGrowth(mode: Mode): Promise<readonly Growth[]> {
  const key = `growth-${mode}`;
  const growth = readResult<Growth[]>(key) ?? (await growthInProcess(mode, names));
  writeResult(key, growth);
  return growth;
}

function print(backend: Backend, mode: Mode, judged: readonly Judgement[]): void {
  const faulty = judged.filter((judgement) => faultOf(judgement) !== null);
  progress('');
  console.log(`\n${backend}, ${mode}: ${judged.length} cases, ${faulty.length} not right`);
  for (const [title, faults] of faultsByOperation(cases, judged))
    console.log(`  ${title.padEnd(44)} ${summarize(faults)}`);
}

/** What ours has at fault without a stated reason, and was not known to have. */
function unexpected(backend: Backend, judged: readonly Judgement[]): string[] {
  return judged.flatMap((judgement) => {
    const { name } = judgement;
    const fault = faultOf(judgement);
    const isExpected = reasonFor(name, backend) !== undefined || isKnown(name, backend);
    if (fault === null)
      return isKnown(name, backend)
        ? [`${backend}: ${name} is right now, and is listed as at fault`]
        : [];
    if (!isExpected) return [`${backend}: ${name}: ${describe(fault)}`];
    return [];
  });
}
const known = readKnown();
const isKnown = (name: string, backend: Backend): boolean =>
  known[name]?.includes(backend) ?? false;

const judgements = new Map<Backend, Partial<Record<Mode, readonly Judgement[]>>>();
const failures: string[] = [];
for (const backend of BACKENDS) {
  if (!options.backend.includes(backend)) continue;
  const missing = whatIsMissing(backend);
  if (missing !== null) {
    console.log(`${backend} is not here: ${missing}`);
    continue;
  }
  const judged: Partial<Record<Mode, readonly Judgement[]>> = {};
  for (const mode of modes.filter((mode) => isThere(mode, backend))) {
    judged[mode] = await judge(backend, mode);
    print(backend, mode, judged[mode]);
  }
  judgements.set(backend, judged);
  failures.push(...unexpected(backend, judged.ours ?? []));
  failures.push(...unexpected(backend, judged.compiled ?? []).map((text) => `compiled: ${text}`));
}

const growth: Partial<Record<Mode, readonly Growth[]>> = {};
for (const mode of modes) {
  // Operations are the same, compiled or not.
  if (mode === 'compiled') continue;
  progress(`counting kernels, ${mode}`);
  growth[mode] = await countGrowth(mode);
  progress('');
  console.log(
    `\n${mode}: gradients whose kernels or work grow with a size: ${growth[mode].length}`,
  );
  for (const { name, along, of, counts } of growth[mode])
    console.log(`  ${name}, ${along}: ${of} ${counts.join(' → ')}`);
}
for (const { name, of } of growth.ours ?? []) failures.push(`${of} grow: ${name}`);

if (options['write-known']) writeKnown(judgements);
if (options['write-page']) {
  const versions = { tfjs: version.tfjs, ...readVersions() };
  const page = new URL('../../../docs/gradients.md', import.meta.url);
  writeFileSync(page, docsPage({ cases, judgements, growth }, versions));
}
if (failures.length > 0 && !options['write-known']) {
  console.error(`\nwith enableTraining():\n  ${failures.join('\n  ')}`);
  process.exitCode = 1;
}
