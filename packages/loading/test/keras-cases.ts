/** Models that Keras saved, and what it makes of inputs; `fixtures/keras/save.py` writes them. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { unzipSync } from 'fflate';
import { expect } from 'vitest';
import { type Data, tensorOf } from '../../../test/files.ts';

export interface Case {
  readonly name: string;
  readonly inputs: readonly Data[];
  readonly outputs: readonly Data[];
  readonly targets: readonly Data[];
  /** The outputs after one step of each optimizer. */
  readonly steps: Readonly<Partial<Record<'sgd' | 'adam', readonly Data[]>>>;
}

/** What `fixtures/keras/save.py` writes beside the files of a model. */
interface Measured extends Case {
  readonly rates: Readonly<Record<'sgd' | 'adam', number>>;
  /** How far Keras in float32 is from Keras in float64, in its predictions and after each step. */
  readonly rounding: Readonly<{ predicts: number; sgd?: number; adam?: number }>;
}

export interface SavedCase extends Measured {
  /** The files by their ending: `keras`, `h5`, `weights.h5`. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** The cases in an archive of `fixtures/keras`, or at another path. */
export function casesIn(archive: string): readonly SavedCase[] {
  const path = archive.startsWith('/')
    ? archive
    : new URL(`../../../fixtures/keras/${archive}`, import.meta.url);
  const contents = unzipSync(readFileSync(path));
  const cases = Object.keys(contents).filter((name) => /^(?!versions).*\.json$/.test(name));
  return cases.map((file) => {
    const saved = JSON.parse(new TextDecoder().decode(contents[file])) as Measured;
    const endings = Object.entries(contents).flatMap(([name, bytes]) => {
      const [stem, ...ending] = name.split('.');
      return stem === saved.name && name !== file ? [[ending.join('.'), bytes]] : [];
    });
    return { ...saved, files: Object.fromEntries(endings) };
  });
}

/** The largest difference between what a model gives and what is wanted of it. */
export function gapOf(
  model: LayersModel,
  saved: Case,
  wanted: readonly Data[],
  predict: (inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[] = (inputs) => model.predict(inputs),
): number {
  return tf.tidy(() => {
    const outputs = [predict(saved.inputs.map(tensorOf))].flat();
    expect(outputs.map(({ shape }) => shape)).toEqual(wanted.map(({ shape }) => shape));
    const gaps = outputs.map((output, i) => {
      const [got, want] = [output.dataSync(), (wanted[i] as Data).values];
      return Math.max(...got.map((value, j) => Math.abs(value - (want[j] as number))));
    });
    return Math.max(...gaps);
  });
}

export function expectOutputs(
  model: LayersModel,
  saved: Case,
  wanted: readonly Data[],
  within: number,
): void {
  expect(gapOf(model, saved, wanted)).toBeLessThan(within);
}

/** The mean squared error of each output, added up, minimized by one step. */
export function step(model: LayersModel, saved: Case, optimizer: tf.Optimizer): void {
  tf.tidy(() => {
    const inputs = saved.inputs.map(tensorOf);
    const targets = saved.targets.map(tensorOf);
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    optimizer.minimize(
      () => {
        const outputs = [model.apply(inputs, { training: true }) as tf.Tensor | tf.Tensor[]].flat();
        const errors = outputs.map((output, i) =>
          tf.losses.meanSquaredError(targets[i] as tf.Tensor, output),
        );
        return tf.addN(errors) as tf.Scalar;
      },
      false,
      variables,
    );
    // `write` applies the constraint, unless to the same tensor.
    for (const weight of model.trainableWeights) weight.write(weight.read().clone());
  });
}

/** Disposes of a model; tfjs' own dispose() leaves the weights of layers in models that are nested, or called twice. */
export function free(model: LayersModel): void {
  const variables = model.weights.map((weight) => weight.read());
  model.dispose();
  tf.dispose(variables.filter(({ isDisposed }) => !isDisposed));
}
