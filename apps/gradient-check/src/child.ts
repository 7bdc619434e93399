/** A process that judges the named cases on one backend: where tfjs crashes, it ends this process alone. */
import { enableTraining } from '@tfjs-lrm/kernels';
import type { Backend } from './backends.ts';
import { readCases } from './fixtures.ts';
import { judgeHere } from './in-process.ts';
import type { Mode } from './results.ts';
import { startBackend } from './start-backend.ts';

const [backend, mode, names] = process.argv.slice(2) as [Backend, Mode, string];
const chosen = new Set(JSON.parse(names) as string[]);

console.warn = () => {};
await startBackend(backend);
if (mode !== 'stock') enableTraining();
const around = mode === 'compiled' ? (await import('./compiled.ts')).compiled : undefined;
for (const subject of readCases()) {
  if (!chosen.has(subject.name)) continue;
  const judgement = await judgeHere(subject, backend, around);
  await new Promise((resolve) => process.send!(judgement, resolve));
}
process.disconnect();
