import { isLinked } from '@tfjs-lrm/native/linked';
import { describe, expect, it, vi } from 'vitest';
import { useBackend } from '../../test/backends.ts';
import { makeSoak } from './soak.ts';

describe.skipIf(!isLinked())('on tensorflow', () => {
  it('two hundred steps and twenty recordings hold as many tensors at the end as after the beginning', {
    timeout: 300_000,
  }, async () => {
    await useBackend('tensorflow');
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const soak = await makeSoak();
    for (const { begin, end } of [await soak.steps(200), await soak.retraces(20)]) {
      expect(end.tensors).toBe(begin.tensors);
    }
    soak.dispose();
  });
});
