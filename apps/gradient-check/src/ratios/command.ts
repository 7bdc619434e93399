/** `npm run check:gradients -- --ratios`: compares each gradient's time with that of its forward pass. */
import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Backend, whatIsMissing } from '../backends.ts';
import { describeShares } from './profile.ts';
import type { Ratio } from './ratio.ts';
import { BACKENDS_MEASURED, type Measured, SIZES } from './sizes.ts';
import { FACTOR, reasonForSlow } from './slow.ts';
import { workloadsOf } from './workloads.ts';

const file = new URL('../../ratios.json', import.meta.url);

/** Ratios by gradient and backend, as last written. */
export type Ratios = Readonly<Record<string, Readonly<Partial<Record<Backend, number>>>>>;

export const readRatios = (): Ratios => JSON.parse(readFileSync(file, 'utf8')) as Ratios;

const namesOf = (backend: Measured): string[] => Object.keys(workloadsOf(SIZES[backend]));

/** Measures in a process of its own. */
function measure(
  backend: Measured,
  names: readonly string[],
  onProgress: (text: string) => void,
): Promise<Ratio[]> {
  const ratios: Ratio[] = [];
  return new Promise((resolve, reject) => {
    const child = fileURLToPath(new URL('./child.js', import.meta.url));
    const running = fork(child, [backend, JSON.stringify(names)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    running.on('message', (message) => {
      const ratio = message as Ratio;
      ratios.push(ratio);
      onProgress(`${backend}: ${ratio.name}`);
    });
    running.on('close', (code) => {
      if (code === 0) resolve(ratios);
      else reject(new Error(`measuring on ${backend} ends with ${code}`));
    });
  });
}

function write(measured: ReadonlyMap<Backend, readonly Ratio[]>): void {
  const all = new Map(Object.entries(readRatios()).map(([name, each]) => [name, { ...each }]));
  for (const [backend, ratios] of measured)
    for (const { name, ratio } of ratios)
      all.set(name, { ...all.get(name), [backend]: Number(ratio.toPrecision(2)) });
  const lines = namesOf('cpu').map(
    (name) => `  ${JSON.stringify(name)}: ${JSON.stringify(all.get(name) ?? {})}`,
  );
  writeFileSync(file, `{\n${lines.join(',\n')}\n}\n`);
}

/** Prints the ratios; true where every one above the factor has a stated reason. */
export async function checkRatios(options: {
  readonly backends: readonly string[];
  readonly only: string;
  readonly isWriting: boolean;
  readonly onProgress: (text: string) => void;
}): Promise<boolean> {
  const measured = new Map<Backend, readonly Ratio[]>();
  let isRight = true;
  for (const backend of BACKENDS_MEASURED) {
    if (!options.backends.includes(backend) || whatIsMissing(backend) !== null) continue;
    const names = namesOf(backend).filter((name) => name.startsWith(options.only));
    const ratios = await measure(backend, names, options.onProgress);
    options.onProgress('');
    measured.set(backend, ratios);
    const slow = ratios.filter(({ ratio }) => ratio > FACTOR);
    console.log(
      `\n${backend}: ${ratios.length} gradients, ${slow.length} above ${FACTOR}; load ${loadavg()[0]!.toFixed(1)}`,
    );
    for (const { name, ratio, shares } of slow.toSorted((a, b) => b.ratio - a.ratio)) {
      const reason = reasonForSlow(name, backend);
      isRight &&= reason !== undefined;
      console.log(`  ${name.padEnd(40)} ${ratio.toFixed(1).padStart(6)}  ${reason ?? 'no reason'}`);
      console.log(`    ${describeShares(shares)}`);
    }
  }
  if (options.isWriting) write(measured);
  return isRight;
}
