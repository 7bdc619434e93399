export type { Coefficients, Preset } from './coefficients.ts';
export { muon } from './muon.ts';
export { orthogonalize } from './orthogonalize.ts';
