/** What a browser bundle gets instead of this package: an error. */
import type { withAllReduce as WithAllReduce } from './all-reduce.ts';
import type { connect as Connect } from './connect.ts';
import type { evaluate as Evaluate, reduceLogs as ReduceLogs } from './evaluate.ts';
import type { shard as Shard } from './shard.ts';

function refuse(): never {
  throw new Error(
    '@tfjs-lrm/distributed: it runs TensorFlow in Node and cannot be bundled for the browser. Try one process with @tfjs-lrm/kernels there.',
  );
}

export const connect: typeof Connect = refuse;
export const evaluate: typeof Evaluate = refuse;
export const reduceLogs: typeof ReduceLogs = refuse;
export const shard: typeof Shard = refuse;
export const withAllReduce: typeof WithAllReduce = refuse;

refuse();
