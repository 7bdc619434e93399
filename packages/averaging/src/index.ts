export { withAveraging } from './averaging.ts';
export { withAverages } from './with-averages.ts';
