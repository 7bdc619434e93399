export { disableTraining, enableTraining, type TrainingOptions } from './enable-training.ts';
export { type TrainingThreads, trainingThreads } from './training-threads.ts';
