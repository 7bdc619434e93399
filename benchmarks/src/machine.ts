/** What machine this is. */
import { cpus } from 'node:os';

/** Cores and processor, such as `2 × AMD EPYC`. */
export const machineName = (): string => `${cpus().length} × ${cpus()[0]?.model.trim()}`;
