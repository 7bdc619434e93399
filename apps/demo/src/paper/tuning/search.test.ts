import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { expect, it } from 'vitest';
import { type Factors, search } from './search.ts';

const bowl = async (factors: Factors): Promise<number> =>
  (Math.log2(factors['a'] ?? 1) - 2) ** 2 + (Math.log2(factors['b'] ?? 1) + 1) ** 2;

it('comes near the lowest point, and returns the factors of the lowest loss', async () => {
  const stages = [{ trials: 200, names: ['a', 'b'], spread: 0.5 }];
  const { best, losses } = await search(stages, xoroshiro128plus(1), bowl);
  expect(losses).toHaveLength(201);
  expect(losses[0]).toBe(5);
  expect(await bowl(best)).toBe(Math.min(...losses));
  expect(Math.min(...losses)).toBeLessThan(0.05);
});

it('changes in a stage what it names, from the best of the stage before', async () => {
  const tried: Factors[] = [];
  const stages = [
    { trials: 3, names: ['a'], spread: 1 },
    { trials: 3, names: ['b'], spread: 1 },
  ];
  const { best } = await search(stages, xoroshiro128plus(2), (factors) => {
    tried.push(factors);
    return bowl(factors);
  });
  expect(tried[0]).toEqual({});
  for (const factors of tried.slice(1, 4)) expect(Object.keys(factors)).toEqual(['a']);
  const kept = best['a'] ?? 1;
  for (const factors of tried.slice(4)) expect(factors['a'] ?? 1).toBe(kept);
  // What another cell tunes later does not change what is tried first.
  const others: Factors[] = [];
  await search([stages[0]!], xoroshiro128plus(2), async (factors) => {
    others.push(factors);
    return bowl(factors);
  });
  expect(others).toEqual(tried.slice(0, 4));
});
