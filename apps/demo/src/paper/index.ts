/** The experiments on the paper, in the order in which they run and stand in the report. */

import * as clipping from './clipping.ts';
import type { Experiment } from './experiment.ts';
import * as mlp from './mlp.ts';
import * as scale from './scale.ts';
import * as symmetry from './symmetry.ts';

export const EXPERIMENTS: readonly Experiment[] = [scale, mlp, symmetry, clipping];
