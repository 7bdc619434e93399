export { type Band, brownianBand } from './brownian-band.ts';
export { type Diagnosis, diagnose } from './diagnose.ts';
export type { DiagnosisRow, Verdict } from './diagnosis-row.ts';
export { noiseBand } from './noise-band.ts';
export { predictEquilibriumRms } from './predict-equilibrium-rms.ts';
export { type Recipe, recipeOf } from './recipe.ts';
export type { ScalePoint, ScaleRecord, WatchedVariable } from './scale-record.ts';
export { simulateBrownian } from './simulate-brownian.ts';
export { type ScaleWatch, watchScales } from './watch-scales.ts';
