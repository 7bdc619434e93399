import {
  CHOICE,
  type Compile,
  MIXERS,
  type Mixer,
  type OptimizerName,
  PRESETS,
  type Preset,
  type PresetName,
  DEFAULT_RECIPE as R,
} from '@tfjs-lrm/language-model';
import { type Flags, number, numbers, oneOf, path, present, someOf, whole } from '@tfjs-lrm/shared';
import { BACKENDS, type BackendName } from '../backend.ts';

function sizeOf(name: PresetName): string {
  const { width, blocks, steps } = PRESETS[name];
  return `${name}: width ${width}, ${blocks} blocks, ${steps} steps`;
}

const { learningRate, wellSetDecay, badlySetDecay } = CHOICE;
const { tiny } = PRESETS;
const both = (key: keyof Preset): string =>
  `tiny ${PRESETS.tiny[key]}, small ${PRESETS.small[key]}`;

export interface Compared {
  preset: PresetName;
  text: string;
  optimizer: OptimizerName;
  multipliers: 'on' | 'off' | 'both';
  decay: readonly number[];
  mixer: readonly Mixer[];
  seeds: number;
  seed: number;
}

/** What is compared. */
export const COMPARED: Flags<Compared> = {
  preset: oneOf(
    Object.keys(PRESETS) as PresetName[],
    `size of model and training; ${sizeOf('nano')}; ${sizeOf('tiny')} (default); ${sizeOf('small')}; hybrid: tiny with attention and Mamba2 side by side`,
  ),
  text: path('FILE', 'what to learn: a text in UTF-8 (default: Moby Dick)'),
  optimizer: oneOf(
    ['adamw', 'muon'],
    'one alone, at both decays (default: AdamW at both, Muon at the badly set one)',
  ),
  multipliers: oneOf(
    ['on', 'off', 'both'],
    'with learnable multipliers, without, or both (default)',
  ),
  decay: numbers(
    `weight decays of matrices, embedding and head (default ${wellSetDecay}, well set, and ${badlySetDecay}, badly set)`,
  ),
  mixer: someOf(
    MIXERS,
    `what blocks are made of, at equal numbers of parameters, one or several of: ${MIXERS.join(', ')} (default: the preset's)`,
  ),
  seeds: whole(
    1,
    'seeds for each run; the table gives mean ± sample standard deviation (default 1)',
  ),
  seed: whole(0, 'the first seed, of weights and batches (default 1)'),
};

export type Model = Record<'width' | 'blocks' | 'heads' | 'mlp' | 'context', number>;

/** The model, in place of the preset's. */
export const MODEL: Flags<Model> = {
  width: whole(1, `numbers per position; a multiple of twice --heads (${both('width')})`),
  blocks: whole(1, `blocks of attention and MLP (${both('blocks')})`),
  heads: whole(1, `heads of attention (${both('heads')})`),
  mlp: whole(1, `width of the MLP (${both('mlp')})`),
  context: whole(1, `characters that the model sees (${both('context')})`),
};

export type Training = Record<
  | 'steps'
  | 'batch'
  | 'learning-rate'
  | 'warmup'
  | 'cooldown'
  | 'final-factor'
  | 'multiplier-decay'
  | 'beta1'
  | 'beta2'
  | 'epsilon'
  | 'momentum'
  | 'clip'
  | 'mup',
  number
>;

/** The training. */
export const TRAINING: Flags<Training> = {
  steps: whole(1, `training steps (${both('steps')})`),
  batch: whole(1, `stretches of text per step (${both('batch')})`),
  'learning-rate': number(`size of a step, in units of the weight (${learningRate})`),
  warmup: whole(0, `steps over which the rate rises (${R.warmup})`),
  cooldown: number(`fraction of all steps, at the end, over which it falls (${R.cooldown})`, 0, 1),
  'final-factor': number('what it is multiplied by at the end (1/8)', 0.001),
  'multiplier-decay': number(`weight decay of the multipliers (${R.multiplierDecay})`),
  beta1: number(`Adam: decay of the mean gradient per step (${R.beta1})`, 0, 1),
  beta2: number(`Adam: decay of the mean squared gradient per step (${R.beta2})`, 0, 1),
  epsilon: number(`Adam: added to the root of the mean squared gradient (${R.epsilon})`),
  momentum: number(`Muon: decay of the mean gradient per step (${R.momentum})`, 0, 1),
  mup: whole(
    1,
    'a width at which these were tuned: µP sets rates, decays and initial values for the model’s width; heads and MLP were as much narrower there (default: no µP)',
  ),
  clip: number(
    `largest norm of the gradients without the multipliers’; 0 clips nothing (${R.clip})`,
  ),
};

export interface Running {
  backend: BackendName;
  compile: Compile | 'auto';
  workers: number;
  out: string;
  resume: string;
  'checkpoint-every': number;
  tensorboard: string;
  json: true;
  help: true;
}

/** Where it runs and what it writes. */
export const RUNNING: Flags<Running> = {
  backend: oneOf(BACKENDS, 'what computes (default: the fastest that is there)'),
  compile: oneOf(
    ['auto', 'graph', 'xla', 'off'],
    'on tensorflow, a whole step as one function; resumed runs then differ by rounding (default auto: graph on tensorflow, else off)',
  ),
  workers: whole(
    1,
    'processes that share every batch of a run, on tensorflow; --batch must be a multiple (default 1)',
  ),
  out: path('DIR', 'a new folder for everything that is written (default runs/<time>)'),
  resume: {
    ...path(
      'DIR',
      'goes on with an interrupted run, the latest in runs/ if DIR is left out; its settings are kept, so only --json goes with it',
    ),
    optional: true,
    read: (text: string) => text,
  },
  tensorboard: path(
    'DIR',
    'also writes the log for TensorBoard, a folder a run in DIR; needs npm run native:link',
  ),
  'checkpoint-every': whole(1, 'steps between checkpoints (50); there is one every 20 seconds too'),
  json: present('the results on stdout as JSON, all else on stderr; with npm run --silent'),
  help: present('this text'),
};

export type Chosen = Partial<Compared & Model & Training & Running>;

export const FLAGS: Flags<Chosen> = { ...COMPARED, ...MODEL, ...TRAINING, ...RUNNING };

/** The model and training that the flags ask for. */
export function presetOf(values: Chosen): Preset {
  const { preset = 'tiny' } = values;
  const keys = Object.keys(tiny) as (keyof typeof tiny & keyof Chosen)[];
  const given = keys.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]]));
  return { ...PRESETS[preset], ...Object.fromEntries(given) };
}
