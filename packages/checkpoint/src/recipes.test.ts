/** A checkpoint of one recipe in another, with the published adapters: what is carried over, and what is refused. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { withAccumulation } from '@tfjs-lrm/accumulation';
import { adam } from '@tfjs-lrm/adam';
import { withAveraging } from '@tfjs-lrm/averaging';
import { withClipping } from '@tfjs-lrm/clipping';
import { withConstraints } from '@tfjs-lrm/constraints';
import { byRole, type OptimizerAdapter } from '@tfjs-lrm/core';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { afterEach, expect, it, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { train, weightsOf } from '../../../test/models.ts';
import { expectClose } from '../../../test/tensors.ts';
import { memoryStore } from '../test/memory-store.ts';
import { loadCheckpoint, saveCheckpoint } from './index.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const SAVED_AT = 3;
type Wrap = (optimizer: tf.Optimizer, model: tfl.LayersModel) => tf.Optimizer;

// Adapters whose options make them change nothing: a run that goes on with one more, or one less, equals the run that
// went on as it was.
const clip: Wrap = (optimizer) => withClipping(optimizer, { globalNorm: 1e9 });
const decay: Wrap = (optimizer) => withWeightDecay(optimizer, { decay: 0 });
const constrain: Wrap = (optimizer, model) => withConstraints(optimizer, model);
const accumulate: Wrap = (optimizer) => withAccumulation(optimizer, { steps: 1 });
const average: Wrap = (optimizer) => withAveraging(optimizer);
/** Changes nothing from the step on at which the checkpoint is made, if it goes on with the steps counted there. */
const schedule: Wrap = (optimizer) => withSchedule(optimizer, (at) => (at < SAVED_AT ? 0.5 : 1));

const rate = { learningRate: 0.01 };
const RECIPES: Readonly<Record<string, (model: tfl.LayersModel) => tf.Optimizer>> = {
  adam: () => adam(rate),
  'clip adam': (model) => clip(adam(rate), model),
  'decay adam': (model) => decay(adam(rate), model),
  'schedule adam': (model) => schedule(adam(rate), model),
  'constrain adam': (model) => constrain(adam(rate), model),
  'clip schedule decay adam': (model) => clip(schedule(decay(adam(rate), model), model), model),
  'accumulate adam': (model) => accumulate(adam(rate), model),
  'average adam': (model) => average(adam(rate), model),
  'average constrain clip adam': (model) =>
    average(constrain(clip(adam(rate), model), model), model),
  'reparametrize adam': () => reparametrize(adam(rate)),
  'muon adam': () => muon({ ...rate, fallback: adam(rate) }),
  'clip muon (decay adam)': (model) =>
    clip(muon({ ...rate, fallback: decay(adam(rate), model) }), model),
  'byRole muon adam': () => byRole({ matrix: muon(rate), default: adam(rate) }),
  'schedule byRole (decay muon) adam': (model) =>
    schedule(byRole({ matrix: decay(muon(rate), model), default: adam(rate) }), model),
  'clip (adam of tfjs)': (model) => clip(tf.train.adam(0.01), model),
};
const names = Object.keys(RECIPES);

let built = 0;
function build(): tfl.LayersModel {
  const { nonNeg } = tfl.constraints;
  const { randomUniform } = tfl.initializers;
  built += 1;
  return tfl.sequential({
    name: `recipe${built}`,
    layers: [
      tfl.layers.dense({
        name: 'hidden',
        units: 4,
        inputShape: [3],
        // Far from zero: the constraint changes nothing either.
        kernelInitializer: randomUniform({ minval: 1, maxval: 2, seed: 1 }),
        kernelConstraint: nonNeg(),
      }),
      tfl.layers.dense({ name: 'out', units: 2, kernelInitializer: randomUniform({ seed: 2 }) }),
    ],
  });
}

function compiled(recipe: string): tfl.LayersModel {
  const model = build();
  model.compile({
    optimizer: (RECIPES[recipe] as (typeof RECIPES)[string])(model),
    loss: 'meanSquaredError',
  });
  return model;
}

// What becomes of a checkpoint of each recipe (rows) in each other one (columns, in the order above):
// = the run goes on as in the recipe that saved it · v only what its vectors had is carried over, with a warning for
// the matrices · x refused, nothing has changed
const TABLE: Readonly<Record<string, string>> = {
  adam: '= = = = = = = = = x v v x x x',
  'clip adam': '= = = = = = = = = x v v x x x',
  'decay adam': '= = = = = = = = = x v v x x x',
  'schedule adam': '= = = = = = = = = x v v x x x',
  'constrain adam': '= = = = = = = = = x v v x x x',
  'clip schedule decay adam': '= = = = = = = = = x v v x x x',
  'accumulate adam': 'x x x x x x = x x x x x x x x',
  'average adam': 'x x x x x x x = = x x x x x x',
  'average constrain clip adam': 'x x x x x x x = = x x x x x x',
  'reparametrize adam': 'x x x x x x x x x = x x x x x',
  'muon adam': 'x x x x x x x x x x = = x x x',
  'clip muon (decay adam)': 'x x x x x x x x x x = = x x x',
  'byRole muon adam': 'x x x x x x x x x x x x = = x',
  'schedule byRole (decay muon) adam': 'x x x x x x x x x x x x = = x',
  'clip (adam of tfjs)': '= = = = = = = = = x v v x x =',
};

/** Trains the rest of a run; its weights after the first step of that and at the end. */
async function rest(model: tfl.LayersModel): Promise<{ first: number[][]; end: number[][] }> {
  await train(model, SAVED_AT, SAVED_AT + 1);
  const first = weightsOf(model);
  await train(model, SAVED_AT + 1, 6);
  return { first, end: weightsOf(model) };
}

/** A checkpoint of a recipe, and how its run goes on. */
async function saved(from: string) {
  const store = memoryStore();
  const model = compiled(from);
  await train(model, 0, SAVED_AT);
  await saveCheckpoint(store, { model, optimizer: model.optimizer, step: SAVED_AT });
  return { store, ...(await rest(model)) };
}

onCpu(() => {
  it.each(Object.entries(TABLE))('%s goes into: %s', async (from, outcomes) => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const { store, first, end } = await saved(from);
    for (const [i, outcome] of outcomes.split(' ').entries()) {
      const to = names[i] as string;
      warn.mockClear();
      const model = compiled(to);
      if (outcome === 'x') {
        const before = weightsOf(model);
        const { optimizer } = model;
        await expect(loadCheckpoint(store, { model, optimizer }), to).rejects.toThrow(
          /"[^"]+\/[^"]+" (belongs to none of .* The nearest here is "[^"]+"\.|is of variables that)/,
        );
        expect(weightsOf(model), to).toEqual(before);
        expect(model.optimizer.iterations, to).toBe(0);
        continue;
      }
      await loadCheckpoint(store, { model, optimizer: model.optimizer });
      const run = await rest(model);
      const biases = (weights: number[][]): number[] =>
        weights.filter((_, at) => at % 2 === 1).flat();
      // Adam of tfjs computes the same step by another formula.
      if (outcome === '=') expectClose(run.end.flat(), end.flat(), 1e-5);
      else expectClose(biases(run.first), biases(first), 1e-5);
      expect(warn, to).toHaveBeenCalledTimes(outcome === 'v' ? 1 : 0);
      expect(model.optimizer.iterations, to).toBe(6);
    }
  });

  it.each(['accumulate adam', 'average adam'])(
    'what is inside goes on without the adapter of %s that kept values for the variables',
    async (from) => {
      const { store, end } = await saved(from);
      const whole = compiled(from);
      await loadCheckpoint(store, { model: whole, optimizer: whole.optimizer });
      const optimizer = (whole.optimizer as OptimizerAdapter).inner;
      whole.compile({ optimizer, loss: 'meanSquaredError' });
      await train(whole, SAVED_AT, 6);
      expect(weightsOf(whole)).toEqual(end);
    },
  );
});
