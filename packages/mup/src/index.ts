export { type CoordinateCheck, coordinateCheck } from './coordinate-check.ts';
export { type MupTable, mup } from './mup.ts';
