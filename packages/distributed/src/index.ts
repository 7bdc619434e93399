export { withAllReduce } from './all-reduce.ts';
export { connect } from './connect.ts';
export { evaluate, reduceLogs } from './evaluate.ts';
export { type Batch, type ShardedDataset, shard, type Tensors } from './shard.ts';
export type { Workers } from './workers.ts';
