/** The experiments on the paper, in the order in which they run and stand in the report. */

import * as clipping from './clipping.ts';
import * as depth from './depth.ts';
import type { Experiment } from './experiment.ts';
import * as mlp from './mlp.ts';
import * as overhead from './overhead.ts';
import * as robust from './robust.ts';
import * as rows from './rows.ts';
import * as scale from './scale.ts';
import * as symmetry from './symmetry.ts';
import * as tasks from './tasks.ts';
import * as tuning from './tuning.ts';
import * as width from './width.ts';

export const EXPERIMENTS: readonly Experiment[] = [
  scale,
  mlp,
  robust,
  depth,
  rows,
  symmetry,
  width,
  clipping,
  tuning,
  tasks,
  overhead,
];
