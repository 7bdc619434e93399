/** Which workers there are, and which one this process is. */
import { show } from '@tfjs-lrm/core/kit';

export interface Cluster {
  /** The address of every worker, `host:port`, the same list on all of them. */
  readonly workers: readonly string[];
  /** The place of this process in the list. */
  readonly index: number;
}

/** Host and port of an address. The host may be in brackets, as that of an IPv6 address must be. */
export function addressOf(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return {
    host: address.slice(0, at).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(at + 1)),
  };
}

function isAddress(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const { host, port } = addressOf(value);
  return host !== '' && Number.isInteger(port) && port > 0 && port < 65_536;
}

/** @throws Error, TypeError or RangeError for what is not a list of addresses with a place in it */
export function checkCluster(where: string, workers: unknown, index: unknown): Cluster {
  if (!Array.isArray(workers) || workers.length === 0) {
    throw new TypeError(
      `${where}: the workers must be a list of addresses. Received ${show(workers)}. Try ['10.0.0.1:2222', '10.0.0.2:2222'].`,
    );
  }
  for (const [i, address] of workers.entries()) {
    if (!isAddress(address)) {
      throw new RangeError(
        `${where}: the address of worker ${i} must be host:port. Received ${show(address)}. Try '10.0.0.1:2222'.`,
      );
    }
    const first = workers.indexOf(address);
    if (first !== i) {
      throw new RangeError(
        `${where}: every worker must have an address of its own. Received "${address}" for workers ${first} and ${i}.`,
      );
    }
  }
  if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= workers.length) {
    throw new RangeError(
      `${where}: the index of a worker must be its place in the list of ${workers.length}, from 0. Received ${show(index)}.`,
    );
  }
  return { workers: [...workers], index: index as number };
}

/**
 * The cluster that a TF_CONFIG describes, TensorFlow's convention; null where there is none.
 *
 * @throws Error, TypeError or RangeError for a text that describes no cluster
 */
export function clusterOf(text: string | undefined): Cluster | null {
  if (text === undefined || text.trim() === '') return null;
  const where = 'connect: TF_CONFIG';
  const example =
    '{"cluster":{"worker":["10.0.0.1:2222","10.0.0.2:2222"]},"task":{"type":"worker","index":0}}';
  let config: { cluster?: Record<string, unknown>; task?: { type?: unknown; index?: unknown } };
  try {
    config = JSON.parse(text) as typeof config;
  } catch {
    throw new Error(`${where}: it must be JSON. Received ${show(text)}. Try ${example}.`);
  }
  const { cluster, task } = config ?? {};
  const others = Object.keys(cluster ?? {}).filter((job) => job !== 'worker');
  if (others.length > 0 || (task?.type ?? 'worker') !== 'worker') {
    throw new Error(
      `${where}: all tasks must be workers; worker 0 leads. Received ${show(others[0] ?? task?.type)}. Try ${example}.`,
    );
  }
  return checkCluster(where, cluster?.['worker'], Number(task?.index));
}
