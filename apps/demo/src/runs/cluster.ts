import { once } from 'node:events';
import { createServer } from 'node:net';

/** TF_CONFIG for each of several workers on this machine, at ports that are free now. */
export async function localCluster(size: number): Promise<string[]> {
  const servers = Array.from({ length: size }, () => createServer().listen(0));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const worker = servers.map(
    (server) => `127.0.0.1:${(server.address() as { port: number }).port}`,
  );
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return worker.map((_, index) =>
    JSON.stringify({ cluster: { worker }, task: { type: 'worker', index } }),
  );
}
