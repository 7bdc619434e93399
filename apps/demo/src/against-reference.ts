/**
 * Compares finished runs with the same runs in PyTorch:
 *
 *   npm run demo -- --seeds 3 --optimizer adamw --out runs/adamw
 *   node apps/demo/dist/against-reference.js runs/adamw
 *
 * Takes one folder or several, of different seeds. Prints mean and spread over the seeds for each of the runs, and fails when a mean is further than
 * 0.05 nats a character from the reference's.
 */

import { readFileSync } from 'node:fs';
import { drawTable } from '@tfjs-lrm/core/kit';
import { grouped, mean, meanAndSpread } from '@tfjs-lrm/language-model';
import { finalLoss, readFinished } from './runs/checkpoint/logged-runs.ts';

const TOLERANCE = 0.05;

interface ReferenceRun {
  readonly learningRate: number;
  readonly decay: number;
  readonly multipliers: boolean;
  readonly seed: number;
  readonly validationLoss: number;
}

function main(folders: readonly string[]): void {
  const ours = folders.flatMap(readFinished).map((run) => ({
    settings: run.settings,
    validationLoss: finalLoss(run) as number,
  }));
  const reference = JSON.parse(
    readFileSync(new URL('../reference/sweep.json', import.meta.url), 'utf8'),
  ) as ReferenceRun[];
  const compared = ours.filter(({ settings }) => settings.optimizer === 'adamw');
  if (compared.length < ours.length)
    console.log('The reference has no Muon: its runs are left out.');
  const rows = [...grouped(compared, ({ settings }) => settings.group)].map(([name, runs]) => {
    const { learningRate, decay, multipliers } = (runs[0] as (typeof runs)[number]).settings;
    const same = reference.filter(
      (run) =>
        run.learningRate === learningRate && run.decay === decay && run.multipliers === multipliers,
    );
    const [a, b] = [runs, same].map((group) =>
      group.map(({ validationLoss }) => validationLoss),
    ) as [number[], number[]];
    return { name, a, b, difference: mean(a) - mean(b) };
  });
  const cell = (values: readonly number[]): string =>
    `${meanAndSpread(values, 3)} (${values.length} seeds)`;
  console.log(
    drawTable(
      [
        ['run', 'here', 'PyTorch', 'difference'],
        ...rows.map(({ name, a, b, difference }) => [
          name,
          cell(a),
          cell(b),
          difference.toFixed(3),
        ]),
      ],
      { right: 1 },
    ),
  );
  const off = rows.filter(({ difference }) => !(Math.abs(difference) <= TOLERANCE));
  console.log(
    off.length === 0
      ? `all within ${TOLERANCE}`
      : `further than ${TOLERANCE}: ${off.map(({ name }) => name).join('; ')}`,
  );
  if (off.length > 0) process.exitCode = 1;
}

try {
  const folders = process.argv.slice(2);
  if (folders.length === 0) throw new Error('give the folders of finished runs.');
  main(folders);
} catch (error) {
  console.error(`against-reference: ${(error as Error).message}`);
  process.exitCode = 2;
}
