/**
 * Milliseconds of processor time on all threads of this process so far: other processes hardly change what is between
 * two of these.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
