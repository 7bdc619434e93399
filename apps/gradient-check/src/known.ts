/** Cases that are not right with enableTraining() yet, by backend: known.json, which only shrinks. */
import { readFileSync } from 'node:fs';

const file = new URL('../known.json', import.meta.url);

/** Name of a case, and the backends on which it is not right. */
export type Known = Readonly<Record<string, readonly string[]>>;

export const readKnown = (): Known => JSON.parse(readFileSync(file, 'utf8')) as Known;
