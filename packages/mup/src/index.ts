export { type MupTable, mup } from './mup.ts';
