/** The schedules against those of PyTorch and optax; fixtures/schedules/make.py wrote the numbers. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cosine, cosineRestarts, linear, polynomial, type Schedule, sqrt } from './index.ts';

interface Case {
  readonly name: string;
  readonly oracle: string;
  readonly options: object;
  readonly factors: readonly number[];
}

const MAKERS: Readonly<Record<string, (options: never) => Schedule>> = {
  cosine,
  cosineRestarts,
  linear,
  polynomial,
  sqrt,
};
const file = new URL('../../../fixtures/schedules/schedules.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly Case[] };

// optax computes in float32 in places.
const toleranceOf = ({ oracle }: Case): number => (oracle.startsWith('optax') ? 1e-7 : 1e-12);

test.each(cases)('$name with $options is $oracle', (each) => {
  const { name, options, factors } = each;
  const make = MAKERS[name] as (options: object) => Schedule;
  const own = factors.map((_, t) => make(options)(t));
  const worst = Math.max(...own.map((value, t) => Math.abs(value - (factors[t] as number))));
  expect(worst).toBeLessThan(toleranceOf(each));
});

test('the fixture holds every one of them', () => {
  expect(new Set(cases.map(({ name }) => name))).toEqual(new Set(Object.keys(MAKERS)));
});
