import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { deserializeOptimizer, numberRule, serializeOptimizer } from '@tfjs-lrm/core/kit';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { step, values, variable } from '../../../test/tensors.ts';
import { chain, schedule, withSchedule } from './index.ts';

const triangle = schedule(
  'testTriangle',
  ({ period = 4 }: { period?: number }) =>
    (at) =>
      1 - Math.abs(((at % period) / period) * 2 - 1),
  { period: numberRule({ min: 1, try: '4' }) },
);

onCpu(() => {
  test('a schedule of your own gives its factors, and checks its options', () => {
    expect([0, 1, 2, 3, 4].map(triangle())).toEqual([0, 0.5, 1, 0.5, 0]);
    expect([0, 1, 4].map(triangle({ period: 8 }))).toEqual([0, 0.25, 1]);
    expect(() => triangle({ period: 0 })).toThrow(
      'testTriangle: "period" must be a finite number >= 1',
    );
    expect(() => triangle({ perid: 3 } as never)).toThrow('Did you mean "period"?');
  });

  test('it is saved and loaded with its options, alone and in a chain', async () => {
    for (const own of [
      triangle({ period: 6 }),
      chain([
        { steps: 2, schedule: triangle({ period: 3 }) },
        { steps: 2, schedule: triangle() },
      ]),
    ]) {
      const [here, there] = [variable([1, 2], [2]), variable([1, 2], [2])];
      const optimizer = withSchedule(adam({ learningRate: 0.1 }), own);
      for (let at = 0; at < 3; at++) step(optimizer, [[here, [1, -1]]]);
      const file = JSON.parse(JSON.stringify(serializeOptimizer(optimizer)));
      const loaded = deserializeOptimizer('test', file);
      await loaded.setWeights(await optimizer.getWeights());
      there.assign(here);
      for (let at = 0; at < 4; at++) {
        step(optimizer, [[here, [1, at]]]);
        step(loaded, [[there, [1, at]]]);
      }
      expect(values(there)).toEqual(values(here));
      optimizer.dispose();
      loaded.dispose();
      tf.dispose([here, there]);
    }
  });

  test('a file with options that are wrong is refused', () => {
    const file = JSON.parse(JSON.stringify(serializeOptimizer(withSchedule(adam(), triangle()))));
    file.config.schedule.config = { period: -1 };
    expect(() => deserializeOptimizer('test', file)).toThrow('testTriangle: "period" must be');
  });
});
