/** `@tfjs-lrm/distributed/local`: several workers on this machine, for programs that start them themselves. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A `TF_CONFIG` for each of several workers on this machine, at ports that are free now. It loads neither TensorFlow.js
 * nor TensorFlow.
 *
 * @param size the number of workers
 * @returns the text for each worker, in the order of their ranks
 * @example
 * import { localCluster } from '@tfjs-lrm/distributed/local';
 *
 * const [first, second] = await localCluster(2);
 * const env = { ...process.env, TF_CONFIG: first }; // of the process that is worker 0
 */
export async function localCluster(size: number): Promise<string[]> {
  const worker = await freeAddresses(size);
  return worker.map((_, index) =>
    JSON.stringify({ cluster: { worker }, task: { type: 'worker', index } }),
  );
}

/** Addresses of this machine, no two the same. TensorFlow listens on all interfaces, so the ports are free on all. */
export async function freeAddresses(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '0.0.0.0'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const addresses = servers.map(
    (server) => `127.0.0.1:${(server.address() as { port: number }).port}`,
  );
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return addresses;
}
