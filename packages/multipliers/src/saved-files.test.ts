import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { deserializeOptimizer } from '@tfjs-lrm/core/kit';
import { afterEach, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { expectClose, step, values } from '../../../test/tensors.ts';
import '@tfjs-lrm/adam';
import '@tfjs-lrm/clipping';
import '@tfjs-lrm/muon';
import '@tfjs-lrm/schedule';
import '@tfjs-lrm/weight-decay';
import './index.ts';

type Weights = Record<string, number[]>;

interface SavedOptimizer {
  readonly optimizer: unknown;
  readonly state: readonly {
    name: string;
    shape: number[];
    dtype: 'float32' | 'int32';
    values: number[];
  }[];
  readonly weights: Weights;
  /** By step, then by variable. */
  readonly gradients: readonly (readonly (number[] | null)[])[];
  readonly after: Weights;
}

interface SavedModel {
  readonly artifacts: Omit<tf.io.ModelArtifacts, 'weightData'> & { weightData: string };
  readonly batches: readonly { x: number[]; y: number[] }[];
  readonly after: number[][];
}

const SHAPES: Readonly<Record<string, number[]>> = {
  'saved/hidden/kernel': [4, 3],
  'saved/hidden/bias': [3],
  'saved/table/embeddings': [5, 3],
  'saved/conv/kernel': [2, 2, 2, 3],
  'saved/out/kernel': [3, 2],
  'saved/hidden/row_multiplier': [3],
};

const folder = join(import.meta.dirname, '../../../fixtures/saved');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => {
    const file = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      optimizers: Record<string, SavedOptimizer>;
      model: SavedModel;
    };
    return { version: name.replace(/\.json$/, ''), ...file };
  });
const optimizers = files.flatMap(({ version, optimizers: saved }) =>
  Object.entries(saved).map(([name, each]) => [version, name, each] as const),
);

/** What rounds differently since, with why: close, and no longer bit for bit. */
const REVISED: Readonly<Record<string, string>> = {
  // Norms are taken relative to the largest magnitude, so that they do not overflow.
  '0.0.0 clipping': 'norms',
};

/** Plus and minus zero are one number in JSON. */
const plain = (numbers: readonly number[]): number[] => numbers.map((value) => value + 0);

onCpu(() => {
  afterEach(() => tf.disposeVariables());

  test('there are files', () => expect(optimizers.length).toBeGreaterThanOrEqual(19));

  test.each(optimizers)('%s: a saved %s goes on bit for bit', async (version, name, saved) => {
    const variables = Object.entries(saved.weights).map(([name, numbers]) =>
      tf.variable(tf.tensor(numbers, SHAPES[name] as number[]), true, name),
    );
    const optimizer = deserializeOptimizer('test', saved.optimizer);
    await optimizer.setWeights(
      saved.state.map(({ name, shape, dtype, values: numbers }) => ({
        name,
        tensor: tf.tensor(numbers, shape, dtype),
      })),
    );
    for (const gradients of saved.gradients) {
      step(
        optimizer,
        variables.map((variable, i) => [variable, gradients[i] ?? null] as const),
      );
    }
    for (const variable of variables) {
      const [now, then] = [plain(values(variable)), saved.after[variable.name] as number[]];
      if (REVISED[`${version} ${name}`] === undefined) expect(now).toEqual(then);
      else expectClose(now, then, 1e-6);
    }
    optimizer.dispose();
  });

  test.each(files)('$version: a saved model goes on bit for bit', async ({ model: saved }) => {
    const bytes = Uint8Array.from(Buffer.from(saved.artifacts.weightData, 'base64'));
    const model = await layers.loadLayersModel(
      tf.io.fromMemory({ ...saved.artifacts, weightData: bytes.buffer }),
    );
    for (const { x, y } of saved.batches) {
      await model.trainOnBatch(tf.tensor(x, [5, 3]), tf.tensor(y, [5, 2]));
    }
    expect(model.getWeights().map((weight) => plain(values(weight)))).toEqual(saved.after);
    model.optimizer.dispose();
    model.dispose();
  });
});
