import { expect, it } from 'vitest';
import { start } from './variants.ts';

it('Muon of PyTorch has one form', async () => {
  const task = { optimizer: 'muon', multipliers: false, preset: 'tiny', size: {} } as const;
  await expect(start('PyTorch eager (fused)', task, 'none')).rejects.toThrow('no fused form');
});
