/** `npm run draw:schedules`: docs/schedules.svg, a curve of each schedule, for the README of the package. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  batchRamp,
  chain,
  constant,
  cosine,
  cosineRestarts,
  linear,
  polynomial,
  sqrt,
  warmupStableDecay,
} from '@tfjs-lrm/schedule';
import { panelDrawing } from '@tfjs-lrm/shared';
import { root } from './workspace.js';

const STEPS = 1000;
const EVERY = 5;

const PANELS = [
  {
    constant: constant(),
    linear: linear({ steps: 800 }),
    polynomial: polynomial({ steps: 800 }),
  },
  {
    cosine: cosine({ steps: 800, finalFactor: 0.1 }),
    cosineRestarts: cosineRestarts({ steps: 140, growth: 2, peakFactor: 0.8 }),
    warmupStableDecay: warmupStableDecay({ warmup: 100, stable: 500, decay: 300 }),
  },
  {
    sqrt: sqrt({ warmup: 100 }),
    'batchRamp, factor': batchRamp({ from: 8, to: 64, steps: 600, multiple: 8 }).factor,
    chain: chain([
      { steps: 200, schedule: linear({ steps: 200, from: 0, to: 1 }) },
      { steps: 800, schedule: polynomial({ steps: 800, power: 0.5 }) },
    ]),
  },
];

const pointsOf = (schedule) =>
  Array.from({ length: STEPS / EVERY + 1 }, (_, i) => ({ x: i * EVERY, y: schedule(i * EVERY) }));

const svg = panelDrawing(
  {
    title: 'The schedules',
    description: 'Factor of the base learning rate over 1000 steps, a curve for each schedule.',
    y: { label: 'factor' },
  },
  PANELS.map((schedules) => ({
    x: { label: 'step' },
    lines: Object.entries(schedules).map(([name, schedule]) => ({
      name,
      points: pointsOf(schedule),
    })),
  })),
);
writeFileSync(join(root, 'docs/schedules.svg'), svg);
console.log('docs/schedules.svg');
