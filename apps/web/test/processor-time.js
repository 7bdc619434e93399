/** Processor time of this process and all that it started, which a busy machine does not change as it does the time on the clock. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_A_SECOND = 100;

/** What /proc says of a process; null where it has ended. */
function processOf(id) {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    // The name before may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Its own time, and that of its children that have ended.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { id: Number(id), parent: Number(fields[1]), seconds: ticks / TICKS_A_SECOND };
  } catch {
    return null;
  }
}

/** Seconds so far; null where there is no /proc. */
export function processorSeconds() {
  if (process.platform !== 'linux') return null;
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(processOf)
    .filter((entry) => entry !== null);
  const secondsOf = ({ id, seconds }) =>
    all
      .filter(({ parent }) => parent === id)
      .reduce((sum, child) => sum + secondsOf(child), seconds);
  return secondsOf(all.find(({ id }) => id === process.pid));
}
