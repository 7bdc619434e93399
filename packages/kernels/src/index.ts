export { disableTraining, enableTraining } from './enable-training.ts';
