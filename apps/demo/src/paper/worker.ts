/** A process that trains cells, one after the other, as they come as messages. */
import { type Corpus, makeCorpus } from '@tfjs-lrm/language-model';
import { Failure, Mistake } from '@tfjs-lrm/shared';
import { readText } from '../text.ts';
import { useBackend } from '../training/use-backend.ts';
import type { Cell, Measured } from './experiment.ts';
import { EXPERIMENTS } from './index.ts';

export type Reply = { readonly measured: Measured } | { readonly error: string };

let corpus: Corpus | null = null;

async function train(cell: Cell): Promise<Measured> {
  if (corpus === null) {
    await useBackend(cell.backend);
    corpus = makeCorpus(readText(null).text);
  }
  const experiment = EXPERIMENTS.find(({ name }) => name === cell.experiment);
  if (experiment?.train === undefined)
    throw new Failure(`there is no experiment "${cell.experiment}" that trains`);
  const measured = await experiment.train(cell, corpus);
  const broken = Object.entries(measured).find(
    ([, value]) => ![value].flat().every(Number.isFinite),
  );
  if (broken !== undefined)
    throw new Failure(
      `its ${broken[0]} is ${[broken[1]].flat().find((value) => !Number.isFinite(value))}`,
    );
  return measured;
}

process.once('disconnect', () => process.exit());
process.on('message', async (cell: Cell) => {
  let reply: Reply;
  try {
    reply = { measured: await train(cell) };
  } catch (error) {
    const isExpected = error instanceof Mistake || error instanceof Failure;
    const { message, stack } = error as Error;
    reply = { error: isExpected ? message : (stack ?? message) };
  }
  process.send?.(reply);
});
