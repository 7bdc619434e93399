import type { Mixer } from './model/language-model.ts';
import type { Placement } from './model/placed-model.ts';
import { CHOICE, type Preset } from './presets.ts';
import { DEFAULT_RECIPE, type OptimizerName, type Recipe } from './training/recipe.ts';
import type { Compile, RunSettings } from './training/settings.ts';

/** What a comparison varies; what is left out is the default comparison's. */
export interface Comparison {
  readonly preset: Preset;
  readonly backend: string;
  readonly compile: Compile;
  readonly workers?: number | undefined;
  readonly recipe?: Partial<Recipe>;
  readonly optimizer?: OptimizerName | undefined;
  readonly decays?: readonly number[] | undefined;
  readonly multipliers?: readonly boolean[] | undefined;
  readonly placement?: Placement | undefined;
  readonly mixers?: readonly Mixer[] | undefined;
  readonly seeds?: readonly number[];
}

/**
 * The runs of a comparison: every mixer with every optimizer at every decay, without and with multipliers, for every seed.
 *
 * The default shows what the paper is about: AdamW at a well-set and at a badly set decay, and Muon at the badly
 * set one, where there is something to win back. Muon has AdamW's learning rate: its updates are scaled to be
 * as large as AdamW's (arXiv 2502.16982), so that the rate carries over; it was not tuned.
 */
export function comparison(wanted: Comparison): RunSettings[] {
  const { learningRate, wellSetDecay, badlySetDecay } = CHOICE;
  const {
    preset,
    backend,
    compile,
    recipe = {},
    multipliers = [false, true],
    seeds = [1],
    workers = 1,
  } = wanted;
  const optimizers: readonly OptimizerName[] = wanted.optimizer
    ? [wanted.optimizer]
    : ['adamw', 'muon'];
  const isDefault = wanted.optimizer === undefined && wanted.decays === undefined;
  const decaysOf = (optimizer: OptimizerName): readonly number[] =>
    isDefault && optimizer === 'muon'
      ? [badlySetDecay]
      : (wanted.decays ?? [wellSetDecay, badlySetDecay]);
  const { mixers = [preset.mixer ?? 'attention'] } = wanted;
  const isOfMixers = mixers.length > 1;
  const named = (
    mixer: Mixer,
    optimizer: OptimizerName,
    decay: number,
    hasMultipliers: boolean,
  ): string =>
    `${isOfMixers ? `${mixer}, ` : ''}${optimizer === 'muon' ? 'Muon, ' : ''}decay ${decay}, ${hasMultipliers ? 'with' : 'no'} multipliers`;
  return seeds.flatMap((seed) =>
    mixers.flatMap((mixer) =>
      optimizers.flatMap((optimizer) =>
        decaysOf(optimizer).flatMap((decay) =>
          multipliers.map((hasMultipliers) => {
            const group = named(mixer, optimizer, decay, hasMultipliers);
            return {
              ...DEFAULT_RECIPE,
              learningRate,
              ...recipe,
              name: seeds.length > 1 ? `${group}, seed ${seed}` : group,
              group,
              preset: { ...preset, mixer },
              optimizer,
              decay,
              multipliers: hasMultipliers,
              ...(wanted.placement && { placement: wanted.placement }),
              seed,
              backend,
              compile,
              ...(workers > 1 && { workers }),
            };
          }),
        ),
      ),
    ),
  );
}
