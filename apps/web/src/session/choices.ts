/** What can be turned, as the form and a link hold it, and the comparison that it stands for. */
import {
  CHOICE,
  comparison,
  type OptimizerName,
  PLACEMENTS,
  type Placement,
  PRESETS,
  type Preset,
  type PresetName,
  type RunSettings,
} from '@tfjs-lrm/language-model';
import { TEXTS, type TextName } from './text-source.ts';

export const BACKENDS = ['auto', 'wasm', 'webgpu', 'webgl', 'cpu'] as const;
export type BackendChoice = (typeof BACKENDS)[number];

export interface Choices {
  readonly text: TextName;
  readonly preset: PresetName;
  readonly steps: number;
  readonly optimizer: OptimizerName;
  readonly rate: number;
  readonly decay: number;
  readonly placement: Placement;
  readonly seed: number;
  readonly backend: BackendChoice;
  /** Of each model, on wasm; 0 for as many as suit the machine. */
  readonly threads: number;
}

export const WELL_SET: number = CHOICE.wellSetDecay;
export const BADLY_SET: number = CHOICE.badlySetDecay;

export const DEFAULTS: Choices = {
  text: 'moby-dick',
  preset: 'tiny',
  steps: PRESETS.tiny.steps,
  optimizer: 'adamw',
  rate: CHOICE.learningRate,
  decay: WELL_SET,
  placement: 'full',
  seed: 1,
  backend: 'auto',
  threads: 0,
};

type Reader<T> = (text: string) => T | undefined;

const oneOf =
  <T extends string>(values: readonly T[]): Reader<T> =>
  (text) =>
    values.find((value) => value === text);

const within =
  (least: number, most: number, isWhole = false): Reader<number> =>
  (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const fits = value >= least && value <= most && (!isWhole || Number.isInteger(value));
    return fits ? value : undefined;
  };

/** What each choice may be. */
const READERS: { readonly [K in keyof Choices]: Reader<Choices[K]> } = {
  text: oneOf(Object.keys(TEXTS) as TextName[]),
  preset: oneOf(Object.keys(PRESETS) as PresetName[]),
  steps: within(20, 20_000, true),
  optimizer: oneOf(['adamw', 'muon']),
  rate: within(1e-5, 1),
  decay: within(0, 100),
  placement: oneOf(Object.keys(PLACEMENTS) as Placement[]),
  seed: within(0, 1e6, true),
  backend: oneOf(BACKENDS),
  threads: within(0, 8, true),
};

/** The choices in a form or a link, and the names of those that were not understood. */
export function readChoices(values: URLSearchParams): { choices: Choices; wrong: string[] } {
  const preset = READERS.preset(values.get('preset') ?? '') ?? DEFAULTS.preset;
  const defaults = { ...DEFAULTS, preset, steps: PRESETS[preset].steps };
  const wrong: string[] = [];
  const read = (Object.keys(READERS) as (keyof Choices)[]).map((name) => {
    const text = values.get(name);
    if (text === null) return [name, defaults[name]];
    const value = READERS[name](text);
    if (value === undefined) wrong.push(name);
    return [name, value ?? defaults[name]];
  });
  return { choices: Object.fromEntries(read) as Choices, wrong };
}

/** The choices that differ from the defaults, as the end of a link; empty where none does. */
export function linkOf(choices: Choices): string {
  const defaults: Choices = { ...DEFAULTS, steps: PRESETS[choices.preset].steps };
  const changed = (Object.keys(READERS) as (keyof Choices)[]).filter(
    (name) => choices[name] !== defaults[name],
  );
  return new URLSearchParams(changed.map((name) => [name, String(choices[name])])).toString();
}

export const presetOf = ({ preset, steps }: Choices): Preset => ({ ...PRESETS[preset], steps });

/** The two runs, without multipliers first. */
export const runsOf = (choices: Choices, backend: string): RunSettings[] =>
  comparison({
    preset: presetOf(choices),
    backend,
    compile: 'off',
    recipe: { learningRate: choices.rate },
    optimizer: choices.optimizer,
    decays: [choices.decay],
    placement: choices.placement,
    seeds: [choices.seed],
  });

/** The choices that lead to saved runs. */
export function choicesOf(
  runs: readonly RunSettings[],
  text: TextName,
  asked: Pick<Choices, 'backend' | 'threads'>,
): Choices {
  const {
    preset,
    optimizer,
    learningRate,
    decay,
    seed,
    placement = 'full',
  } = runs[0] as RunSettings;
  const same = (name: PresetName): boolean =>
    PRESETS[name].width === preset.width && (PRESETS[name].mixer ?? 'attention') === preset.mixer;
  const name = (Object.keys(PRESETS) as PresetName[]).find(same) ?? 'tiny';
  return {
    ...asked,
    text,
    preset: name,
    steps: preset.steps,
    optimizer,
    rate: learningRate,
    decay,
    placement,
    seed,
  };
}
