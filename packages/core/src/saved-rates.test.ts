import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, smallModel, train, weightsOf } from '../../../test/models.ts';
import { Factor, Passing, Probe } from '../../../test/optimizers.ts';
import { step, values } from '../../../test/tensors.ts';
import { bindState, ratesOf, setRates } from './index.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

let made = 0;
/** Two variables of one name, of which tfjs would number the second: as a model and its copy. */
function twins(shape: number[]): [tf.Variable, tf.Variable] {
  made += 1;
  const make = (name: string): tf.Variable =>
    tf.tidy(() => tf.variable(tf.zeros(shape), true, name));
  return [make(`rates${made}/w`), make(`rates${made}/w_1`)];
}

const FACTORS = { learningRate: 0.5, decay: 4 };

async function saved(target: tf.Variable) {
  const optimizer = new Passing(new Probe(1));
  step(optimizer, [[target, [1]]]);
  return optimizer.getWeights();
}

onCpu(() => {
  test('factors are saved once, as two numbers, and act from the first step after loading', async () => {
    const [before, after] = twins([1]);
    setRates(before, FACTORS);
    const weights = await saved(before);
    expect(
      weights
        .filter(({ name }) => name.startsWith('rates/'))
        .map(({ name, tensor }) => [name, tensor.dtype, values(tensor)]),
    ).toEqual([[`rates/rates${made}/w`, 'float32', [0.5, 4]]]);
    const restored = new Passing(new Probe(1));
    await restored.setWeights(weights);
    expect(ratesOf(after).learningRate).toBe(1);
    step(restored, [[after, [1]]]);
    expect(ratesOf(after)).toEqual(FACTORS);
    // Momentum 1 from the file halved, plus 1, at half the rate.
    expect(values(after)).toEqual([-0.75]);
  });

  test('a variable without factors adds nothing to the file', async () => {
    const [target] = twins([1]);
    expect((await saved(target)).map(({ name }) => name)).toEqual([
      'iter',
      'testPassing:testProbe/iter',
      `testPassing:testProbe/rates${made}/w/momentum`,
    ]);
  });

  test('a file without factors leaves those that were set', async () => {
    const [before, after] = twins([1]);
    const weights = await saved(before);
    setRates(after, FACTORS);
    const restored = new Passing(new Probe(1));
    await restored.setWeights(weights);
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    step(restored, [[after, [1]]]);
    expect(ratesOf(after)).toEqual(FACTORS);
    expect(values(after)).toEqual([-0.75]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('factors that were set win over those of a file, with one warning; 1 is a factor too', async () => {
    const [before, after] = twins([1]);
    setRates(before, FACTORS);
    const weights = await saved(before);
    setRates(after, { learningRate: 1 });
    const restored = new Passing(new Probe(1));
    await restored.setWeights(weights);
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    for (let i = 0; i < 2; i++) step(restored, [[after, [1]]]);
    expect(ratesOf(after)).toEqual({ learningRate: 1, decay: 1 });
    expect(warn.mock.calls).toEqual([
      [
        `TestPassing: "${after.name}" was saved with the factors 0.5 of the learning rate and 4 of the decay and now has the factors 1 of the learning rate and 1 of the decay, which wins.`,
      ],
    ]);
  });

  test('equal factors are no reason to warn', async () => {
    const [before, after] = twins([1]);
    for (const each of [before, after]) setRates(each, FACTORS);
    const restored = new Passing(new Probe(1));
    await restored.setWeights(await saved(before));
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    step(restored, [[after, [1]]]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('a step that does not fit gives no factors, and the saved ones wait for theirs', async () => {
    const [before, after] = twins([1]);
    setRates(before, FACTORS);
    const restored = new Passing(new Probe(1));
    await restored.setWeights(await saved(before));
    const wrong = tf.variable(tf.zeros([5, 1]), true, `${before.name}_7`);
    expect(() => step(restored, [[wrong, null]])).toThrow(/other shapes/);
    expect(ratesOf(wrong)).toEqual({ learningRate: 1, decay: 1 });
    step(restored, [[after, null]]);
    expect(ratesOf(after)).toEqual(FACTORS);
  });

  test('another recipe takes the factors too', async () => {
    const [before, after] = twins([1]);
    setRates(before, FACTORS);
    const restored = new Passing(new Factor(new Probe(1), 1));
    await restored.setWeights(await saved(before));
    step(restored, [[after, [1]]]);
    expect(values(after)).toEqual([-0.75]);
  });

  test.each([
    ['one number', [1]],
    ['a negative factor', [1, -1]],
    ['three numbers', [1, 1, 1]],
  ])('a file with %s is refused, and the state stays', async (_, numbers) => {
    const [before, after] = twins([1]);
    const weights = await saved(before);
    const restored = new Passing(new Probe(1));
    await restored.setWeights(weights);
    const wrong = { name: `rates/rates${made}/w`, tensor: tf.tensor1d(numbers) };
    await expect(restored.setWeights([...weights, wrong])).rejects.toThrow(
      `TestPassing.setWeights: "${wrong.name}" holds no two factors of 0 or more.`,
    );
    step(restored, [[after, [1]]]);
    expect(values(after)).toEqual([-1.5]);
  });

  test('a model saved, loaded and continued equals one that never stopped, bit for bit', async () => {
    const trained = async (stops: readonly number[]): Promise<number[][]> => {
      let model: LayersModel = smallModel();
      // No float32 holds a third.
      setRates(model.layers[0]!, { learningRate: 1 / 3, decay: 3 });
      model.compile({ optimizer: new Factor(new Probe(0.1), 0.3), loss: 'meanSquaredError' });
      for (let at = 0; at < 6; at++) {
        if (stops.includes(at)) model = await reload(model);
        await train(model, at, at + 1);
      }
      return weightsOf(model);
    };
    const whole = await trained([]);
    expect(await trained([2, 3])).toEqual(whole);
  });

  test('bindState gives a model its factors at once', async () => {
    const model = smallModel();
    setRates(model.layers[1]!, FACTORS);
    model.compile({ optimizer: new Probe(0.1), loss: 'meanSquaredError' });
    await train(model, 0, 1);
    const loaded = await reload(model);
    bindState(loaded.optimizer, loaded);
    const factors = loaded.weights.map((weight) => ratesOf(weight.read() as tf.Variable));
    expect(factors.map(({ learningRate }) => learningRate)).toEqual([1, 1, 0.5, 1]);
  });
});
