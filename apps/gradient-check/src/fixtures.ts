/** All cases of fixtures/gradients, group by group. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Case, Fixture } from './case.ts';

const folder = new URL('../../../fixtures/gradients/', import.meta.url);

export function readCases(): Case[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => (JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Fixture).cases);
}
