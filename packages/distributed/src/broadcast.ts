/** What worker 0 holds, on all workers. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { asTensorOptimizer, bindState } from '@tfjs-lrm/core';
import { checkModel, serializeOptimizer, variableOf } from '@tfjs-lrm/core/kit';
import type { Connection, Peers } from './connection.ts';

/** A value as JSON, from worker 0. */
export function broadcastValue<T>({ rank, peers }: Connection, value: T): T {
  if (peers === null) return value;
  const { exchange } = peers;
  const isFirst = rank === 0;
  const text = Buffer.from(JSON.stringify(value ?? null));
  const length = exchange.sum('length', Int32Array.of(isFirst ? text.length : 0))[0] as number;
  // As integers, because no operation of several workers takes bytes.
  const words = new Int32Array(Math.ceil(length / 4));
  if (isFirst) new Uint8Array(words.buffer).set(text);
  const received = exchange.fromFirst('text', words, isFirst);
  const bytes = new Uint8Array(received.buffer, received.byteOffset, length);
  return JSON.parse(Buffer.from(bytes).toString()) as T;
}

/** What must be the same on all workers about a model and its optimizer, a line for each fact. */
function describe(model: LayersModel, optimizer: tf.Optimizer | undefined): string[] {
  return [
    ...model.weights.map(
      (weight) =>
        `the weight "${weight.originalName}" ${weight.dtype}[${weight.shape}]${variableOf(weight).trainable ? '' : ', frozen'}`,
    ),
    `the optimizer ${optimizer === undefined ? 'none' : JSON.stringify(serializeOptimizer(optimizer))}`,
  ];
}

/** @throws Error on all workers, where one differs from worker 0 */
function checkSame(connection: Connection, { exchange }: Peers, mine: readonly string[]): void {
  const { rank, size } = connection;
  const theirs = broadcastValue(connection, mine);
  const line = theirs.findIndex((fact, i) => fact !== mine[i]);
  const isOther = line >= 0 || mine.length !== theirs.length;
  const others = exchange.sum(
    'differences',
    Int32Array.from({ length: size }, (_, i) => (isOther && i === rank ? 1 : 0)),
  );
  const ranks = [...others.keys()].filter((i) => others[i] !== 0);
  if (ranks.length === 0) return;
  const own = isOther
    ? ` Worker ${rank} has ${mine[line] ?? `${mine.length} weights and options`}, worker 0 ${theirs[line] ?? theirs.length}.`
    : '';
  throw new Error(
    `broadcastWeights: all workers must have the same model and optimizer as worker 0. Received others on worker ${ranks.join(', ')}.${own} Try the same script and options everywhere.`,
  );
}

type Values = Float32Array | Int32Array | Uint8Array;
interface Named {
  readonly name: string;
  readonly tensor: tf.Tensor;
}

/** The values of tensors from worker 0, those of one type in one message. The tensors here give shapes and types. */
function fromFirst(
  rank: number,
  { exchange }: Peers,
  described: readonly { shape: readonly number[]; dtype: string }[],
  values: (i: number) => Values,
): tf.Tensor[] {
  const tensors: tf.Tensor[] = [];
  const sizes = described.map(({ shape }) => tf.util.sizeFromShape([...shape]));
  for (const dtype of ['float32', 'int32', 'bool'] as const) {
    const members = [...described.keys()].filter((i) => described[i]?.dtype === dtype);
    const total = members.reduce((sum, i) => sum + (sizes[i] as number), 0);
    if (total === 0) continue;
    const Type = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
    const flat: Values = new Type(total);
    let at = 0;
    if (rank === 0)
      for (const i of members) {
        flat.set(values(i), at);
        at += sizes[i] as number;
      }
    const received = exchange.fromFirst('state', flat, rank === 0);
    at = 0;
    for (const i of members) {
      const end = at + (sizes[i] as number);
      tensors[i] = tf.tensor(received.slice(at, end), [...(described[i]?.shape ?? [])], dtype);
      at = end;
    }
  }
  return described.map(
    ({ shape, dtype }, i) => tensors[i] ?? tf.zeros([...shape], dtype as 'float32'),
  );
}

/** Gives all workers the weights of worker 0, and the state of its optimizer. */
export async function broadcastState(
  connection: Connection,
  model: LayersModel,
  optimizer: tf.Optimizer | undefined,
): Promise<void> {
  checkModel('broadcastWeights', model, 'broadcastWeights(model, optimizer)');
  const { rank, peers } = connection;
  if (peers === null) return;
  checkSame(connection, peers, describe(model, optimizer));
  const variables = model.weights.map(variableOf);
  tf.tidy(() => {
    const received = fromFirst(
      rank,
      peers,
      variables,
      (i) => (variables[i] as tf.Variable).dataSync() as Values,
    );
    if (rank === 0) return;
    for (const [i, variable] of variables.entries()) variable.assign(received[i] as tf.Tensor);
  });
  if (optimizer !== undefined) await broadcastOptimizer(connection, peers, model, optimizer);
}

async function broadcastOptimizer(
  connection: Connection,
  peers: Peers,
  model: LayersModel,
  optimizer: tf.Optimizer,
): Promise<void> {
  const root = asTensorOptimizer(optimizer);
  const mine: readonly Named[] = await root.getWeights();
  const theirs = broadcastValue(
    connection,
    mine.map(({ name, tensor: { shape, dtype } }) => ({ name, shape, dtype })),
  );
  const tensors = tf.tidy(() =>
    fromFirst(
      connection.rank,
      peers,
      theirs,
      (i) => (mine[i] as Named).tensor.dataSync() as Values,
    ),
  );
  try {
    if (connection.rank === 0) return;
    await root.setWeights(theirs.map(({ name }, i) => ({ name, tensor: tensors[i] as tf.Tensor })));
    bindState(root, model);
  } finally {
    tf.dispose(tensors);
  }
}
