/** `npm run check:gradients`: judges every case on every backend, with stock tfjs and with enableTraining(). */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BACKENDS, whatIsMissing } from './backends.ts';
import { readCases } from './fixtures.ts';
import { judgeInProcesses, type Mode } from './in-processes.ts';
import { isAllRight, isRight, type Judgement, type Verdict } from './judge.ts';
import { readKnown } from './known.ts';

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', multiple: true },
    mode: { type: 'string', multiple: true },
    only: { type: 'string', default: '' },
    'write-known': { type: 'boolean', default: false },
  },
});

const names = readCases()
  .map(({ name }) => name)
  .filter((name) => name.startsWith(options.only));

const describe = (verdict: Verdict | null): string => {
  if (verdict === null) return '-';
  if ('refused' in verdict) return `refused: ${verdict.refused.split('\n')[0]!.slice(0, 110)}`;
  return isRight(verdict) ? 'right' : `wrong by ${verdict.error.toPrecision(2)}`;
};

function print(title: string, judgements: readonly Judgement[]): void {
  const faults = judgements.filter((judgement) => !isAllRight(judgement));
  console.log(`\n## ${title}: ${judgements.length} cases, ${faults.length} not right`);
  for (const { name, forward, gradient, second } of faults)
    console.log(`${name} | ${describe(forward)} | ${describe(gradient)} | ${describe(second)}`);
}

const known = readKnown();
const faults = new Map<string, string[]>();
let unknown = 0;
for (const backend of BACKENDS) {
  if (options.backend && !options.backend.includes(backend)) continue;
  const missing = whatIsMissing(backend);
  if (missing !== null) {
    console.log(`${backend} is not here: ${missing}`);
    continue;
  }
  for (const mode of (options.mode ?? ['stock', 'ours']) as Mode[]) {
    const judgements = await judgeInProcesses(backend, mode, names, (done) => {
      if (process.stderr.isTTY)
        process.stderr.write(`\r${backend} ${mode}: ${done} of ${names.length}`);
    });
    print(`${backend} ${mode}`, judgements);
    if (mode === 'stock') continue;
    for (const judgement of judgements) {
      const { name } = judgement;
      const isKnown = known[name]?.includes(backend) ?? false;
      if (isAllRight(judgement)) {
        if (isKnown) console.log(`no longer at fault on ${backend}: ${name}`);
        continue;
      }
      faults.set(name, [...(faults.get(name) ?? []), backend]);
      if (isKnown) continue;
      console.error(`not known to be at fault on ${backend}: ${name}`);
      unknown++;
    }
  }
}
if (options['write-known']) {
  const lines = [...faults].map(
    ([name, backends]) => `  ${JSON.stringify(name)}: ${JSON.stringify(backends)}`,
  );
  writeFileSync(new URL('../known.json', import.meta.url), `{\n${lines.join(',\n')}\n}\n`);
} else if (unknown > 0) process.exitCode = 1;
