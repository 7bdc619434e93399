/** All runs of the experiment, one after another: the table in the terminal, the drawing and the numbers in files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useBackend } from '../backend.ts';
import { makeCorpus, mobyDick } from '../text.ts';
import { CURES, type Run, readSettings, trainWith } from './experiment.ts';
import { drawing, table } from './report.ts';

/**
 * @param out the folder for symmetry.json and symmetry.svg
 * @param backend `wasm`, say
 */
export async function runSymmetry(out: string, backend: string): Promise<void> {
  await useBackend(backend);
  const [settings, corpus] = [readSettings(), makeCorpus(mobyDick())];
  const runs: Run[] = [];
  for (const seed of settings.seeds) {
    for (const cure of CURES) {
      const run = trainWith(cure, seed, settings, corpus);
      runs.push(run);
      console.log(`seed ${seed}, cure: ${cure}: loss ${run.loss.toFixed(3)}`);
    }
  }
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'symmetry.json'), JSON.stringify({ settings, runs }));
  writeFileSync(join(out, 'symmetry.svg'), drawing(runs));
  console.log(`\n${table(runs)}\n\nDrawn in ${join(out, 'symmetry.svg')}.`);
}
