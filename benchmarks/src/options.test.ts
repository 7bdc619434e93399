import { expect, it } from 'vitest';
import { countOf, variantsOf } from './options.ts';
import { start, VARIANTS } from './variants.ts';

it('variants are named with commas between, and an unknown one is an error that lists them', () => {
  expect(variantsOf(VARIANTS.join(','))).toEqual(VARIANTS);
  expect(variantsOf('graph, PyTorch eager (fused)')).toEqual(['graph', 'PyTorch eager (fused)']);
  expect(() => variantsOf('graph,torch')).toThrow(/no variant "torch".*torch\.compile/);
});

it.each(['0', '-1', '1.5', 'many', ''])('a count must be whole and above 0: "%s"', (given) => {
  expect(() => countOf('rounds', given)).toThrow('--rounds must be a whole number');
  expect(countOf('rounds', '12')).toBe(12);
});

it('Muon of PyTorch has one form', async () => {
  const task = { optimizer: 'muon', multipliers: false, preset: 'tiny', size: {} } as const;
  await expect(start('PyTorch eager (fused)', task, 'none')).rejects.toThrow('no fused form');
});
