import type { Mixer, ModelSize } from './model/language-model.ts';

/** A model size with the training that goes with it. */
export interface Preset extends ModelSize {
  readonly mixer?: Mixer;
  readonly context: number;
  readonly batch: number;
  readonly steps: number;
}

export type PresetName = 'nano' | 'tiny' | 'small' | 'hybrid';

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  // For devices that compute slowly, and for tests: a step costs a tenth of tiny's.
  nano: { width: 32, blocks: 1, heads: 2, mlp: 88, context: 32, batch: 8, steps: 400 },
  tiny: { width: 64, blocks: 2, heads: 4, mlp: 176, context: 64, batch: 16, steps: 700 },
  small: { width: 128, blocks: 4, heads: 4, mlp: 352, context: 64, batch: 32, steps: 1200 },
  // As large as tiny, and trained alike.
  hybrid: {
    width: 64,
    blocks: 2,
    heads: 4,
    mlp: 176,
    mixer: 'hybrid',
    context: 64,
    batch: 16,
    steps: 700,
  },
};

/** Learning rate and weight decays. */
export interface Choice {
  readonly learningRate: number;
  readonly wellSetDecay: number;
  readonly badlySetDecay: number;
}

/** As `apps/demo/reference/choice.json` has them, which a sweep wrote before the demo ever ran. */
export const CHOICE: Choice = { learningRate: 0.004, wellSetDecay: 0.1, badlySetDecay: 8 };
