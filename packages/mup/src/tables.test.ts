/** Rates against the package mup of PyPI (fixtures/mup/mup.json) and against the tables of the paper. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, sequential, layers as tfl } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { ratesOf, roleOf } from '@tfjs-lrm/core';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { mup } from './index.ts';

interface Case {
  readonly name: string;
  readonly widths: readonly [d: number, hidden: number];
  readonly base: readonly [d: number, hidden: number];
  readonly parameters: readonly {
    readonly name: string;
    readonly adam: { readonly learningRate: number; readonly decay: number };
    readonly sgd: { readonly learningRate: number; readonly decay: number };
  }[];
}

const url = new URL('../../../fixtures/mup/mup.json', import.meta.url);
const { vocabulary, kernel, cases } = JSON.parse(readFileSync(url, 'utf8')) as {
  vocabulary: number;
  kernel: number;
  cases: Case[];
};

/** The model of the fixture: an embedding, dense, convolution, dense, norm, and a head. */
function build([d, hidden]: readonly [number, number], hasMultiplier: boolean): LayersModel {
  const head = tfl.dense({ units: vocabulary });
  return sequential({
    layers: [
      tfl.embedding({ inputDim: vocabulary, outputDim: d, inputLength: 5 }),
      tfl.dense({ units: hidden }),
      tfl.conv1d({ filters: hidden, kernelSize: kernel }),
      tfl.dense({ units: d }),
      tfl.layerNormalization(),
      hasMultiplier ? withMultipliers(head, { row: false, column: false, scalar: true }) : head,
    ],
  });
}

const OPTIMIZERS = {
  adam: () => withWeightDecay(adam(), { decay: { vector: 0.1 } }),
  sgd: () => withWeightDecay(tf.train.sgd(0.1), { decay: { vector: 0.1 } }),
};

/** The factors of the weights that the fixture has too. */
function factors(model: LayersModel) {
  return model.trainableWeights
    .map((weight) => weight.read() as tf.Variable)
    .filter((variable) => roleOf(variable) !== 'multiplier')
    .map((variable) => ratesOf(variable));
}

onCpu(() => {
  test.each(cases)(
    '$name: rates and decays are those of the package mup',
    ({ widths, base, parameters }) => {
      for (const kind of ['adam', 'sgd'] as const) {
        const model = build(widths, true);
        mup(model, { base: build(base, true), optimizer: OPTIMIZERS[kind]() });
        const actual = factors(model);
        expect(actual).toHaveLength(parameters.length);
        parameters.forEach(({ name, [kind]: expected }, i) => {
          expect([kind, name, actual[i]]).toEqual([
            kind,
            name,
            {
              learningRate: Math.fround(expected.learningRate),
              decay: Math.fround(expected.decay),
            },
          ]);
        });
      }
    },
  );

  test('without a multiplier the head follows table 3: 1/a, and initial values of 1/a', () => {
    for (const kind of ['adam', 'sgd'] as const) {
      const table = mup(build([128, 512], false), {
        base: build([16, 64], false),
        optimizer: OPTIMIZERS[kind](),
      });
      expect(table.rows.at(-2)).toMatchObject({
        kind: 'output',
        learningRate: 1 / 8,
        decay: 8,
        initial: 1 / 8,
        multiplier: null,
      });
    }
  });

  test('with one it follows table 8: the multiplier is 1/a, and learns in proportion to itself', () => {
    for (const [kind, rate] of [
      ['adam', 1 / 8],
      ['sgd', 1 / 64],
    ] as const) {
      const model = build([128, 512], true);
      const { rows } = mup(model, { base: build([16, 64], true), optimizer: OPTIMIZERS[kind]() });
      const [multiplier] = rows.filter((row) => row.multiplier !== null);
      expect(multiplier).toMatchObject({ multiplier: 1 / 8, learningRate: rate, kind: 'finite' });
      const value = model.trainableWeights.at(-1)!.read().dataSync()[0];
      expect(value).toBe(1 / 8);
    }
  });

  test.each([
    ['rms-to-rms', [1, 1, 1]],
    ['match-rms-adamw', [1 / Math.sqrt(8), 1 / Math.sqrt(8), 1 / Math.sqrt(8)]],
    ['original', [1, 1, 1]],
    ['none', [1, 1, 1]],
  ] as const)(
    'Muon, %s: every hidden update has the spectral norm √(out/in)',
    (scale, expected) => {
      const model = build([128, 512], true);
      const { rows } = mup(model, { base: build([16, 64], true), optimizer: muon({ scale }) });
      const hidden = rows.filter(({ kind }) => kind === 'hidden');
      hidden.forEach(({ learningRate }, i) => {
        expect(learningRate).toBeCloseTo(expected[i] as number, 6);
      });
      // The fallback is Adam.
      expect(rows[0]).toMatchObject({ kind: 'input', learningRate: 1 });
    },
  );

  test('Muon on sides of different growth', () => {
    const rates = (scale: 'rms-to-rms' | 'match-rms-adamw' | 'original' | 'none'): number => {
      const [model, base] = [build([64, 384], true), build([32, 48], true)];
      return mup(model, { base, optimizer: muon({ scale }) }).rows[1]!.learningRate;
    };
    // [64, 384] against [32, 48]: a = 2, b = 8, √(b/a) = 2.
    expect(rates('rms-to-rms')).toBeCloseTo(1, 6);
    expect(rates('match-rms-adamw')).toBeCloseTo(2 / Math.sqrt(384 / 48), 6);
    expect(rates('original')).toBeCloseTo(2 / (Math.sqrt(6) / Math.sqrt(1.5)), 6);
    expect(rates('none')).toBeCloseTo(2, 6);
  });
});
