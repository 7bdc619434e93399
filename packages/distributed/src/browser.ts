/** What a browser bundle gets instead of this package: an error. */
import type { withAllReduce as WithAllReduce } from './all-reduce.ts';
import type { connect as Connect } from './connect.ts';

function refuse(): never {
  throw new Error(
    '@tfjs-lrm/distributed: it runs TensorFlow in Node and cannot be bundled for the browser. Try one process with @tfjs-lrm/kernels there.',
  );
}

export const connect: typeof Connect = refuse;
export const withAllReduce: typeof WithAllReduce = refuse;

refuse();
