export { chain, constant, cosine, linear, type Schedule, warmupStableDecay } from './schedules.ts';
export { withSchedule } from './with-schedule.ts';
