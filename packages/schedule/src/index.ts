export { type Schedule, schedule } from './registry.ts';
export { chain, constant, cosine, linear, warmupStableDecay } from './schedules.ts';
export { withSchedule } from './with-schedule.ts';
