/** A process that measures the named gradients on one backend, and sends each when it has it. */
import { enableTraining } from '@tfjs-lrm/kernels';
import { startBackend } from '../start-backend.ts';
import { ratioOf } from './ratio.ts';
import { type Measured, SIZES } from './sizes.ts';
import { workloadsOf } from './workloads.ts';

const [backend, names] = process.argv.slice(2) as [Measured, string];

console.warn = () => {};
await startBackend(backend);
enableTraining();
const workloads = workloadsOf(SIZES[backend]);
for (const name of JSON.parse(names) as string[]) {
  const ratio = ratioOf(name, workloads[name]!);
  if (ratio !== null) await new Promise((resolve) => process.send!(ratio, resolve));
}
process.disconnect();
