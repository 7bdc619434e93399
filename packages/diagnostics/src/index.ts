export { type Band, brownianBand } from './brownian-band.ts';
export { predictEquilibriumRms } from './predict-equilibrium-rms.ts';
export { type Recipe, recipeOf } from './recipe.ts';
export { simulateBrownian } from './simulate-brownian.ts';
