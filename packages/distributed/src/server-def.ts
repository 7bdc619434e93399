/** The ServerDef from which TensorFlow starts the server of a worker. */
import { type Bytes, bytes, concat, integer } from '@tfjs-lrm/native/kit';
import type { Cluster } from './cluster.ts';

const JOB = 'worker';

/** The name of a worker within TensorFlow. */
export const taskName = (index: number): string => `/job:${JOB}/replica:0/task:${index}`;

/**
 * A ServerDef. The numbers of the fields are those of tensorflow/core/protobuf/{tensorflow_server,cluster,config}.proto.
 */
export function serverDef({ workers, index }: Cluster): Bytes {
  const tasks = workers.map((address, i) => bytes(2, concat([integer(1, i), bytes(2, address)])));
  const job = concat([bytes(1, JOB), ...tasks]);
  // Worker 0 gives out the keys under which the others find each other.
  const experimental = bytes(1, taskName(0));
  return concat([
    bytes(1, bytes(1, job)),
    bytes(2, JOB),
    integer(3, index),
    bytes(4, bytes(16, experimental)),
    bytes(5, 'grpc'),
  ]);
}
