export { withConstraints } from './constraints.ts';
