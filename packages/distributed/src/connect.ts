/** Joins the other workers, and leaves them. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { booleanRule, checkOptions, numberRule, type Rule, show } from '@tfjs-lrm/core/kit';
import { info } from '@tfjs-lrm/native';
import { nodeBackend } from '@tfjs-lrm/native/kit';
import { type Cluster, checkCluster, clusterOf } from './cluster.ts';
import { Exchange } from './collectives.ts';
import { isConnected, type Peers } from './connection.ts';
import { explained, explaining } from './failure.ts';
import { type Facts, rendezvous } from './rendezvous.ts';
import { serverDef } from './server-def.ts';
import { Workers } from './workers.ts';

/** @inline */
interface ConnectOptions {
  /** The address of every worker, `host:port`, the same list on all of them; without it TF_CONFIG says it. */
  readonly workers?: readonly string[] | undefined;
  /** The place of this process in `workers`, from 0. */
  readonly index?: number | undefined;
  /** How long to wait for all workers to start, in seconds. */
  readonly startTimeout?: number | undefined;
  /** How long each call waits for the others, in seconds: longer than the slowest thing that one of them does alone. */
  readonly timeout?: number | undefined;
  /** What must be the same on all workers, besides the versions: hyperparameters, for example. */
  readonly check?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Whether all workers are of this package; false to join workers of TensorFlow for Python. */
  readonly rendezvous?: boolean | undefined;
}

const seconds: Rule = numberRule({ min: 0, exclusive: true, try: '60' });
const given: Rule = () => null;
const RULES = {
  workers: given,
  index: given,
  startTimeout: seconds,
  timeout: seconds,
  check: (value: unknown) =>
    typeof value === 'object' && value !== null
      ? null
      : { must: 'be an object of names and values', try: '{ learningRate: 1e-3 }' },
  rendezvous: booleanRule(true),
};

function clusterIn({ workers, index }: ConnectOptions): Cluster {
  if (workers !== undefined || index !== undefined) return checkCluster('connect', workers, index);
  return clusterOf(process.env['TF_CONFIG']) ?? { workers: ['localhost:1'], index: 0 };
}

function factsOf(check: ConnectOptions['check'] = {}): Facts {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  return {
    '@tfjs-lrm/distributed': version,
    TensorFlow: info().tensorflow,
    'TensorFlow.js': tf.version_core,
    ...Object.fromEntries(Object.entries(check).map(([name, value]) => [name, show(value)])),
  };
}

/**
 * Joins the other workers, and returns when all are there. It must come before the first tensor, because TensorFlow
 * makes its devices anew. Every worker runs the same script, and takes the same steps.
 *
 * Which workers there are is said by `workers` and `index`, or by the variable TF_CONFIG, which the launcher of this
 * package sets. Where neither is given, this process is the only one, and everything here works without any others.
 *
 * TensorFlow listens at the port of this worker on all interfaces, and asks nobody for a password: keep the ports
 * within a private network.
 *
 * @param options startTimeout 120 s; timeout 60 s; check: what must be the same on all workers; rendezvous true
 * @throws Error, on every worker that has started, that names those that are missing, come twice, or run something
 *   else; where tensors exist already; where a port is in use. RangeError for an unknown option or a value out of range
 * @example
 * const workers = await connect({ check: { learningRate: 1e-3 } });
 * console.log(`worker ${workers.rank} of ${workers.size}`);
 * workers.disconnect();
 */
export async function connect(options: ConnectOptions = {}): Promise<Workers> {
  checkOptions('connect', options, RULES);
  if (isConnected()) {
    throw new Error(
      'connect: a process must connect once. Try to hand on what the first call returned.',
    );
  }
  const { timeout = 60 } = options;
  const cluster = clusterIn(options);
  const { index: rank } = cluster;
  const size = cluster.workers.length;
  if (size === 1) return new Workers({ rank, size, timeout, examples: 1, peers: null });
  const peers = await join(cluster, timeout, options);
  return new Workers({ rank, size, timeout, examples: 1, peers });
}

async function join(cluster: Cluster, timeout: number, options: ConnectOptions): Promise<Peers> {
  const { startTimeout = 120, rendezvous: isMet = true } = options;
  const backend = nodeBackend('connect');
  const addon = backend.binding;
  checkAddon(addon);
  if (backend.numDataIds() > 0) {
    throw new Error(
      `connect: it must come before the first tensor, because TensorFlow makes its devices anew. Received a call after ${backend.numDataIds()}. Try await connect() at the start of the script.`,
    );
  }
  const start = Date.now();
  if (isMet) await rendezvous(cluster, factsOf(options.check), startTimeout);
  addon.startCollectives(serverDef(cluster));
  const explain = (error: Error): Error => explained(addon, cluster, error);
  backend.binding = explaining(addon, explain);
  const exchange = new Exchange(backend.binding, { size: cluster.workers.length, timeout });
  const left = startTimeout - (Date.now() - start) / 1000;
  if (isMet) exchange.sum('start', Int32Array.of(1), Math.max(left, 5));
  const leave = (): void => {
    backend.binding = addon;
  };
  return { backend, exchange, leave };
}

function checkAddon(addon: object): void {
  if ('startCollectives' in addon) return;
  throw new Error(
    'connect: tfjs-node must be linked by this version of @tfjs-lrm/native. Received an addon of an older one, which cannot end a call that waits for workers. Try npx @tfjs-lrm/native link.',
  );
}
