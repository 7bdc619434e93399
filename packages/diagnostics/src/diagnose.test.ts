/** Verdicts on weights whose gradients are made so that it is known what sets their scales. */
import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { addMultipliers, reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { diagnose, noiseBand, type ScaleRecord, watchScales } from './index.ts';
import { normalNoise } from './noise.ts';

type Gradient = (weight: number, noise: number) => number;
const NOISE: Gradient = (_, noise) => noise;
/** Pulls every weight to 1 from either side, far stronger than decay. */
const PULLED: Gradient = (weight, noise) => 20 * (weight - Math.sign(weight)) + noise;

const plain = () =>
  sequential({
    layers: [
      layers.dense({
        units: 32,
        inputShape: [32],
        name: 'hidden',
        kernelInitializer: initializers.randomNormal({ stddev: 0.1, seed: 1 }),
      }),
      layers.dense({ units: 4, name: 'head' }),
    ],
  });

interface Setting {
  optimizer: tf.Optimizer;
  gradient?: Gradient;
  steps?: number;
  model?: ReturnType<typeof plain>;
}

/** The record of a model whose hidden kernel gets these gradients. */
async function recorded({ optimizer, gradient = NOISE, steps = 400, model = plain() }: Setting) {
  assignRoles(model);
  const normal = normalNoise(7);
  const variables = model.trainableWeights.map(variableOf);
  const watch = watchScales(model, optimizer, { every: 20 });
  for (let t = 0; t < steps; t++) {
    tf.tidy(() =>
      optimizer.applyGradients(
        Object.fromEntries(
          variables.map((variable) => {
            const values = variable.dataSync().map((weight) => gradient(weight, normal()));
            return [variable.name, tf.tensor(values, variable.shape)];
          }),
        ),
      ),
    );
    watch.record();
  }
  return watch;
}

const decayed = (decay = 1, rate = 0.01): tf.Optimizer =>
  withWeightDecay(adam({ learningRate: rate, beta2: 0.95 }), { decay });

const rowOf = async (setting: Setting) => {
  const diagnosis = await diagnose(await recorded(setting));
  return { diagnosis, row: diagnosis.rows.find(({ name }) => name === 'hidden/kernel')! };
};

onCpu(() => {
  test('a kernel that gets noise alone is trapped, and multipliers are advised', async () => {
    const { diagnosis, row } = await rowOf({ optimizer: decayed() });
    expect(row).toMatchObject({ verdict: 'trapped', advice: 'addMultipliers: hidden' });
    expect(row.scale / row.noiseScale!).toBeCloseTo(1, 1);
    expect(row.equilibrium! / row.noiseScale!).toBeCloseTo(1, 1);
    expect(row.relaxed).toBeCloseTo(4, 1);
    expect(diagnosis.layers).toContain('hidden');
  });

  test('a kernel that its gradients hold is set by data', async () => {
    const { diagnosis, row } = await rowOf({ optimizer: decayed(), gradient: PULLED });
    expect(row).toMatchObject({ verdict: 'set by data', advice: 'nothing' });
    expect(diagnosis.layers).not.toContain('hidden');
  });

  test('before the start is forgotten it is too early, and the steps are told', async () => {
    const { row } = await rowOf({ optimizer: decayed(1, 1e-3), steps: 200 });
    // Of 0.1² at the start, e^(−2R) is a tenth of the balance √(η / 2λ)² from R = 2.6 on; of that, 0.2 is done.
    expect(row.verdict).toBe('not yet');
    expect(Math.abs(row.stepsLeft! - 2400)).toBeLessThan(200);
    expect(row.advice).toBe(`needs about ${row.stepsLeft} more steps`);
  });

  test('without decay nothing is trapped; an optimizer without a recipe is unknown', async () => {
    expect((await rowOf({ optimizer: adam() })).row.verdict).toBe('no decay');
    const sgd = await rowOf({ optimizer: withWeightDecay(tf.train.sgd(0.01)), steps: 40 });
    expect(sgd.row).toMatchObject({ verdict: 'unknown', noiseScale: null });
  });

  test('a watch that has seen no step is told from an optimizer without a recipe', async () => {
    const model = plain();
    const watch = watchScales(model, decayed(), { every: 20 });
    const { rows } = await diagnose(watch);
    expect(rows[0]).toMatchObject({
      verdict: 'unknown',
      advice: 'watch 20 or more steps of the optimizer that trains it',
    });
    const sgd = await diagnose(watchScales(model, tf.train.sgd(0.01)));
    expect(sgd.rows[0]?.advice).toBe('train with adam() or muon()');
  });

  test('the text says what each verdict in it means, and no other', async () => {
    const { diagnosis } = await rowOf({ optimizer: decayed() });
    const text = String(diagnosis);
    for (const verdict of ['trapped', 'set by data', 'not yet', 'no decay', 'unknown'])
      expect(text.includes(`\n${verdict}: `)).toBe(
        diagnosis.rows.some((row) => row.verdict === verdict),
      );
  });

  test('Muon’s kernels are judged by its own law', async () => {
    const optimizer = withWeightDecay(muon({ learningRate: 0.01 }), { decay: 1 });
    const { row } = await rowOf({ optimizer });
    expect(row.verdict).toBe('trapped');
    expect(row.scale / row.noiseScale!).toBeCloseTo(1, 1);
  });

  test('cautious decay is judged by a simulation', async () => {
    const inner = adam({ learningRate: 0.01, beta2: 0.95 });
    const { row } = await rowOf({
      optimizer: withWeightDecay(inner, { decay: 1, cautious: true }),
    });
    expect(row).toMatchObject({ verdict: 'trapped', equilibrium: null });
    expect(Math.abs(row.scale / row.noiseScale! - 1)).toBeLessThan(0.1);
  });

  test('a trapped kernel with multipliers is free, in its layer or in the optimizer', async () => {
    const model = addMultipliers(plain()) as ReturnType<typeof plain>;
    const inLayer = await rowOf({ optimizer: decayed(), model });
    const inOptimizer = await rowOf({ optimizer: reparametrize(decayed()) });
    for (const { diagnosis, row } of [inLayer, inOptimizer]) {
      expect(row).toMatchObject({ verdict: 'trapped', advice: 'nothing: it has multipliers' });
      expect(diagnosis.layers).not.toContain('hidden');
    }
  });

  test('a scale that decay has crushed is advised a lower decay', async () => {
    const { row } = await rowOf({ optimizer: decayed(20, 1e-3) });
    expect(row.advice).toBe('lower its decay, or addMultipliers: hidden');
  });

  test('the rates that acted count, not those of today', async () => {
    const optimizer = adam({ learningRate: 0.01, beta2: 0.95 });
    const watch = await recorded({ optimizer: withWeightDecay(optimizer, { decay: 1 }) });
    optimizer.learningRate = 1e-6;
    const before = noiseBand((await watch.read()).variables[0]!)!;
    expect(before.rms.at(-1)! / 0.0664).toBeCloseTo(1, 1);
  });

  test('a diagnosis of a record that went through a file is the same, as data, text and drawing', async () => {
    const watch = await recorded({ optimizer: decayed() });
    const record = JSON.parse(JSON.stringify(await watch.read())) as ScaleRecord;
    const [live, saved] = [await diagnose(watch), await diagnose(record)];
    expect(saved.rows).toEqual(live.rows);
    expect(String(saved)).toBe(String(live));
    expect(String(live).split('\n')[0]).toMatch(/^kernel +scale +by noise alone +ratio/);
    const svg = live.toSVG();
    expect(svg).toBe(saved.toSVG());
    expect(svg).toContain('hidden/kernel');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    await expect(diagnose(5 as never)).rejects.toThrow('diagnose: a record must be what');
    await expect(diagnose({} as never)).rejects.toThrow('diagnose: a record must be what');
  });
});
