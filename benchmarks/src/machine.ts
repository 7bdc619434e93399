/** What machine this is, and how long this process has computed on it. */
import { cpus } from 'node:os';

/** Cores and processor, such as `2 × AMD EPYC`. */
export const machineName = (): string => `${cpus().length} × ${cpus()[0]?.model.trim()}`;

/** Milliseconds on all threads so far, which other processes hardly change. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
