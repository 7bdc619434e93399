import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { comparison } from '../comparison.ts';
import { PRESETS } from '../presets.ts';
import { scaleBands } from './scale-bands.ts';

onCpu(() => {
  it.each(['adamw', 'muon'] as const)(
    'the band of each matrix begins at its start and narrows in on √(η / 2λ): %s',
    async (optimizer) => {
      const preset = { ...PRESETS.tiny, width: 32, mlp: 48, blocks: 1, steps: 600 };
      const recipe = { cooldown: 0 };
      const [run] = comparison({
        preset,
        backend: 'cpu',
        compile: 'off',
        optimizer,
        decays: [8],
        recipe,
      });
      const before = tf.memory().numTensors;
      const bands = await scaleBands(run as never, 20, 10);
      expect(tf.memory().numTensors).toBe(before);
      expect(Object.keys(bands)).toHaveLength(9);
      for (const [name, { low, high }] of Object.entries(bands)) {
        const start = name === 'embedding' ? 0.02 : 1 / Math.sqrt(name === 'block0_down' ? 48 : 32);
        expect(low).toHaveLength(61);
        expect(low[0]).toBe(high[0]);
        expect((low[0] as number) / start).toBeGreaterThan(0.9);
        expect((low[0] as number) / start).toBeLessThan(1.1);
        expect(high.at(-1)).toBeGreaterThan(low.at(-1) as number);
        if (optimizer === 'muon' && name.startsWith('block')) continue;
        const end = Math.sqrt(0.004 / 16);
        expect((low.at(-1) as number) / end).toBeGreaterThan(0.8);
        expect((high.at(-1) as number) / end).toBeLessThan(1.2);
      }
    },
  );
});
