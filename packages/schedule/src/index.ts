export { type BatchRamp, batchRamp } from './batch-ramp.ts';
export { cosineRestarts } from './cosine-restarts.ts';
export { polynomial, sqrt } from './decays.ts';
export { type Schedule, schedule } from './registry.ts';
export { chain, constant, cosine, linear, warmupStableDecay } from './schedules.ts';
export { withSchedule } from './with-schedule.ts';
