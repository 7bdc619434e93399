/** All cases of fixtures/gradients, group by group. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Case, Fixture } from './case.ts';

const folder = new URL('../../../fixtures/gradients/', import.meta.url);

const readFixtures = (): Fixture[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Fixture);

export const readCases = (): Case[] => readFixtures().flatMap(({ cases }) => cases);

/** Of what made them. */
export const readVersions = (): Fixture['versions'] => readFixtures()[0]!.versions;
