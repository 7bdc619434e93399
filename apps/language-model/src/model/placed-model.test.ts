import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { PLACEMENTS, type Placement, placedModel } from './placed-model.ts';

const SIZE = { width: 16, blocks: 1, heads: 2, mlp: 24 };

onCpu(() => {
  const tokens = () => tf.tensor2d([[1, 2, 3]], undefined, 'int32');
  let plain: Float32Array;
  beforeAll(async () => {
    const model = placedModel(SIZE, 11, null, 1);
    plain = (await (model.predict(tokens()) as tf.Tensor).data()) as Float32Array;
    model.dispose();
  });
  afterAll(() => tf.disposeVariables());

  it.each(Object.keys(PLACEMENTS) as Placement[])(
    '%s starts as the plain model',
    async (placement) => {
      const before = tf.memory().numTensors;
      const model = placedModel(SIZE, 11, placement, 1);
      const output = model.predict(tokens()) as tf.Tensor;
      expect(Array.from(await output.data())).toEqual(Array.from(plain));
      output.dispose();
      model.dispose();
      expect(tf.memory().numTensors).toBe(before + 1); // the input
    },
  );

  it('rows and columns place those alone, and no rows of the head', () => {
    for (const [placement, matrices] of [
      ['rows', 8],
      ['columns', 9],
    ] as const) {
      const model = placedModel(SIZE, 11, placement, 1);
      const names = model.weights.map(({ originalName }) => originalName);
      const of = (kind: string) => names.filter((name) => name.endsWith(`/${kind}_multiplier`));
      expect(of(placement === 'rows' ? 'row' : 'column')).toHaveLength(matrices);
      expect(of(placement === 'rows' ? 'column' : 'row')).toEqual([]);
      model.dispose();
    }
  });
});
