/** Damaged files: each loads or says what is wrong, soon, and leaves nothing. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eachBackend, useBackend } from '../../../test/backends.ts';
import { damaged } from '../../../test/damage.ts';
import { type Files, filesOf, inStockTfjs, loadFiles, serve } from '../../../test/files.ts';
import '../../multipliers/test/layers.ts';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { all, mlp, plain, siamese } from '../../multipliers/test/models.ts';
import { numbers } from '../../multipliers/test/numbers.ts';
import { startWatchdog, type Watchdog } from '../test/watchdog.ts';
import { loadModel } from './index.ts';

const SEEDS = 20;

/** A trained model, with its optimizer. */
async function trained(model: LayersModel, optimizer: tf.Optimizer): Promise<Files> {
  model.compile({ optimizer, loss: 'meanSquaredError', metrics: ['mae'] });
  model.setUserDefinedMetadata({ purpose: 'test', of: ['this'] });
  const [x, y] = [tf.tensor(numbers(1, 12), [4, 3]), tf.tensor(numbers(2, 8), [4, 2])];
  await model.trainOnBatch(x, y);
  const files = await filesOf(model, true);
  tf.dispose([x, y]);
  model.dispose();
  optimizer.dispose();
  return files;
}

const images = (): LayersModel =>
  sequential({
    layers: [
      layers.conv2d({ filters: 2, kernelSize: 2, inputShape: [5, 5, 1], name: 'conv' }),
      layers.batchNormalization({ name: 'norm' }),
      layers.separableConv2d({ filters: 2, kernelSize: 2, name: 'separable' }),
      layers.flatten(),
      layers.dense({ units: 2, name: 'out' }),
    ],
  });

async function makeFiles(): Promise<Record<string, Files>> {
  const stock = await inStockTfjs<{ title: string; files: Files }[]>('saveAll()');
  const saved = await Promise.all(
    [images(), addMultipliers(images()), siamese(plain), siamese(all)].map((model) =>
      filesOf(model),
    ),
  );
  return {
    ...Object.fromEntries(stock.map(({ title, files }) => [title, files])),
    'a convolutional model': saved[0] as Files,
    'a convolutional model with multipliers': saved[1] as Files,
    'two inputs and outputs through a nested model': saved[2] as Files,
    'two inputs and outputs with multipliers': saved[3] as Files,
    'a trained model': await trained(mlp(plain), tf.train.adam(1e-3)),
    'a trained model with multipliers': await trained(mlp(all), adam()),
  };
}

/** tfjs' dispose() leaves the weights of a layer that was called twice. */
function free(model: LayersModel): void {
  const { optimizer } = model;
  const variables = model.weights.map((weight) => weight.read());
  model.dispose();
  optimizer?.dispose();
  tf.dispose(variables.filter(({ isDisposed }) => !isDisposed));
}

interface Outcome {
  readonly error: Error | null;
  readonly milliseconds: number;
  readonly tensors: number;
  readonly variables: readonly string[];
}

/** Loads a file, frees what came of it, and says what is left. */
async function outcome(load: () => Promise<LayersModel>): Promise<Outcome> {
  const registered = (): tf.Variable[] => Object.values(tf.engine().registeredVariables);
  const [before, known] = [tf.memory().numTensors, new Set(registered())];
  const began = process.cpuUsage();
  let error: unknown = null;
  try {
    const model = await load();
    free(model);
  } catch (thrown) {
    error = thrown;
  }
  const used = process.cpuUsage(began);
  const left = registered().filter((variable) => !known.has(variable));
  return {
    error: error as Error | null,
    milliseconds: (used.user + used.system) / 1000,
    tensors: tf.memory().numTensors - before,
    variables: left.map(({ name }) => name),
  };
}

let files: Record<string, Files>;
let dog: Watchdog;
beforeAll(async () => {
  await useBackend('cpu');
  files = await makeFiles();
  dog = startWatchdog(60_000);
}, 300_000);
afterAll(() => dog.stop());

const SLIP =
  /undefined|NaN|\[object|Cannot (read|convert|use|set|create)|is not (a function|iterable|a constructor)|call stack/;

/** Loads the damaged files of one sort with the loader given, and hands what comes of each to `check`. */
async function eachDamaged(
  load: (files: Files) => Promise<LayersModel>,
  check: (which: string, outcome: Outcome, files: Files) => Promise<void> | void,
): Promise<void> {
  for (const [at, [title, whole]] of Object.entries(files).entries()) {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const file = damaged(whole, 1000 * at + seed);
      const which = `${title}, seed ${seed}, on ${tf.getBackend()}`;
      await check(which, await dog.watch(which, () => outcome(() => load(file))), file);
    }
  }
}

const mine = (file: Files): Promise<LayersModel> => loadModel(serve(file));

eachBackend(() => {
  test('whole files load, and nothing is left of them after they are disposed of', async () => {
    for (const [title, file] of Object.entries(files)) {
      const { milliseconds: _, ...left } = await outcome(() => mine(file));
      expect(left, title).toEqual({ error: null, tensors: 0, variables: [] });
    }
  });

  test('of 240 damaged files each loads or is refused with a reason, within a second of work, and nothing is left', async () => {
    const found = { loaded: 0, refused: 0 };
    await eachDamaged(mine, (which, { error, milliseconds, ...left }) => {
      expect(left, `${which}: ${error?.stack}`).toEqual({ tensors: 0, variables: [] });
      expect(milliseconds, which).toBeLessThan(1000);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      found[error === null ? 'loaded' : 'refused'] += 1;
      if (error === null) return;
      expect(error.message, which).toMatch(/^loadModel: \S.{20,}[.?]$/s);
      expect(error.message, `${which}: ${error.stack}`).not.toMatch(SLIP);
    });
    expect(found.loaded + found.refused).toBe(240);
    for (const count of Object.values(found)) expect(count).toBeGreaterThan(20);
  }, 300_000);
});

test('stock tfjs leaves tensors where it refuses, and says no more than that something is undefined', async () => {
  const found = { left: 0, slips: 0 };
  await useBackend('cpu');
  await eachDamaged(mine, async (which, { error }, file) => {
    // After the graph was looked at, or stock tfjs might never end.
    if (!/cannot be used|must be float32|hold/.test(error?.message ?? '')) return;
    const there = await dog.watch(which, () => outcome(() => loadFiles(file)));
    if (there.error === null) return;
    if (there.tensors > 0) found.left += 1;
    if (SLIP.test(there.error.message)) found.slips += 1;
    tf.disposeVariables();
  });
  for (const count of Object.values(found)) expect(count).toBeGreaterThan(3);
}, 300_000);

test('stock tfjs never ends where a layer takes an output that is not in the file, which is refused here', async () => {
  const given = files['two inputs and outputs through a nested model'] as Files;
  const text = Buffer.from(given['model.json'] as string, 'base64').toString();
  const json = text.replace('[["join",0,0,{}]]', '[["gone",0,0,{}]]');
  expect(json).not.toBe(text);
  const file = { ...given, 'model.json': Buffer.from(json).toString('base64') };
  await expect(mine(file)).rejects.toThrow(/takes an output of layer "gone", which is not in/);
  const inputs = [1, 2].map(() => ({ values: [1, 2, 3], shape: [1, 3], dtype: 'float32' }));
  const there = (each: Files): Promise<unknown[]> =>
    inStockTfjs('predictFrom(input.files, input.inputs)', { files: each, inputs }, 20_000);
  await expect(there(file)).rejects.toMatchObject({ killed: true });
  expect((await there(given)).length).toBe(2);
}, 120_000);
