export { withAllReduce } from './all-reduce.ts';
export { connect } from './connect.ts';
export type { Workers } from './workers.ts';
