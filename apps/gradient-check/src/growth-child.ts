/** A process that counts the kernels of the named cases' gradients: its argument is `stock` or `ours`. */
import { enableTraining } from '@tfjs-lrm/kernels';
import { readCases } from './fixtures.ts';
import { type Growth, growthOf } from './growth.ts';
import { startBackend } from './start-backend.ts';

const [mode, names] = process.argv.slice(2) as [string, string];
const chosen = new Set(JSON.parse(names) as string[]);

console.warn = () => {};
// The timer of tfjs' profiler rejects a promise that nobody has where a kernel throws.
process.on('unhandledRejection', () => {});
await startBackend('cpu');
if (mode === 'ours') enableTraining();
const growth: Growth[] = [];
for (const subject of readCases()) {
  const found = chosen.has(subject.name) ? await growthOf(subject) : null;
  if (found !== null) growth.push(found);
}
await new Promise((resolve) => process.send!(growth, resolve));
process.disconnect();
