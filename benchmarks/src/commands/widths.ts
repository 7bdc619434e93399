/** `npm run study:widths`: the sizes of activations and the best learning rate at each width, with µP and without. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { drawTable } from '@tfjs-lrm/core/kit';
import { spread } from '@tfjs-lrm/language-model';
import { type CoordinateCheck, coordinateCheck } from '@tfjs-lrm/mup';
import { isLinked } from '@tfjs-lrm/native/linked';
import {
  cpuMs,
  describeFlags,
  type Flags,
  Mistake,
  numbers,
  oneOf,
  panelDrawing,
  path,
  present,
  readFlags,
  runCommand,
  whole,
} from '@tfjs-lrm/shared';
import { cellsIn } from '../widths/cells.ts';
import { lowestRate } from '../widths/lowest-rate.ts';
import { batchesOf, build, type Parametrization, student } from '../widths/student.ts';
import { type Curve, gridFrom, type Sweep, sweep } from '../widths/sweep.ts';
import { evenWithBest, verdictOf } from '../widths/verdict.ts';

type Settings = Omit<Sweep, 'parametrization' | 'rates'>;

interface Chosen extends Settings {
  out: string;
  help: true;
}

const DEFAULTS: Settings = {
  ...{ widths: [64, 128, 256, 512], seeds: 3, steps: 240, batch: 64 },
  ...{ schedule: 'linear', head: 'random', loss: 'validation' },
};

const FLAGS: Flags<Chosen> = {
  widths: numbers(`two or more; the least is the base (default ${DEFAULTS.widths})`),
  seeds: whole(1, `runs of each width and rate (default ${DEFAULTS.seeds})`),
  steps: whole(8, `training steps of each run (default ${DEFAULTS.steps})`),
  batch: whole(1, `examples in each step (default ${DEFAULTS.batch})`),
  schedule: oneOf(
    ['linear', 'constant'],
    'the learning rate falls to 0 in a line, or stays (default linear)',
  ),
  head: oneOf(['random', 'zero'], 'where the last layer starts (default random)'),
  loss: oneOf(
    ['validation', 'training'],
    'by which rates are compared: after the last step, or the mean over the last quarter of the steps (default validation)',
  ),
  out: path('FILE', 'the drawing (default widths.svg); the others and the numbers go beside it'),
  help: present('this text'),
};

const HELP = `Trains MLPs of several widths on the answers of a random network, with Adam at learning rates √2 apart, with µP and
without, and draws the loss by the rate. Before that, it draws the sizes of activations after a few steps at one rate.
The best rate stays if the mean loss is least at the same rate for all widths. Runs that are done are kept in
FILE.runs.ndjson: the same command goes on where it was interrupted.

  npm run study:widths -- [options]

${describeFlags(FLAGS)}`;

/** From below the best at any width to above it. */
const RATES: Readonly<Record<Parametrization, readonly number[]>> = {
  standard: gridFrom(2 ** -9.5, 10),
  µP: gridFrom(2 ** -6.5, 5),
};
const BOTH: readonly Parametrization[] = ['standard', 'µP'];
/** Of the coordinate check. */
const CHECK = { rate: 1e-3, steps: 3 };

const power = (rate: number): string =>
  Number.isNaN(rate) ? '–' : `2^${Math.log2(rate).toFixed(2)}`;

const placesOf = (indices: readonly number[], rates: readonly number[]): string =>
  indices.map((i) => power(rates[i] as number)).join(', ');

function settingsOf({ out: _, help: __, ...chosen }: Partial<Chosen>): Settings {
  const settings = { ...DEFAULTS, ...chosen };
  const { widths } = settings;
  if (widths.length < 2 || !widths.every((width) => Number.isInteger(width) && width >= 1)) {
    throw new Mistake(
      `--widths must be two or more whole numbers >= 1. Received "${widths}". Try --widths ${DEFAULTS.widths}.`,
    );
  }
  return settings;
}

async function useBackend(): Promise<void> {
  if (isLinked()) {
    await import('@tfjs-lrm/native');
    await tf.setBackend('tensorflow');
    return;
  }
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
}

async function checkOf(
  parametrization: Parametrization,
  settings: Settings,
): Promise<CoordinateCheck> {
  const { widths, seeds, head } = settings;
  const training = { ...settings, steps: CHECK.steps, schedule: 'constant' } as const;
  const batches = batchesOf(0, { ...training, steps: 1 });
  const [x, y] = batches[0] as (typeof batches)[number];
  const bases = Array.from({ length: seeds }, (_, seed) => build(Math.min(...widths), seed, head));
  const check = await coordinateCheck(
    (width, seed) => {
      const base = bases[seed] as (typeof bases)[number];
      return student(parametrization, width, CHECK.rate, seed, base, training);
    },
    widths,
    { x, y, seeds, steps: CHECK.steps },
  );
  for (const base of bases) base.dispose();
  tf.dispose(batches);
  return check;
}

/** The best rate of each width on the grid and by the parabola, over all seeds and for each, and what the narrowest's costs. */
function tableOf(curves: readonly Curve[]): string {
  const rows = curves.map((curve) => {
    const narrowest = curves.find(
      ({ parametrization }) => parametrization === curve.parametrization,
    ) as Curve;
    const { rates, losses, best } = curve;
    const least = losses[best] as number;
    return [
      curve.parametrization,
      String(curve.width),
      power(rates[best] as number),
      placesOf(
        evenWithBest(curve).filter((i) => i !== best),
        rates,
      ),
      power(curve.lowest),
      curve.ofSeeds.map((each) => power(lowestRate(rates, each))).join(' '),
      least.toPrecision(3),
      `× ${((losses[narrowest.best] as number) / least).toFixed(3)}`,
    ];
  });
  const header = ['', 'width', 'best', 'even', 'lowest', 'of each seed', 'loss'];
  return drawTable([[...header, "at the narrowest's best"], ...rows]);
}

/** What the curves of a parametrization say, as a sentence. */
function sentenceOf(parametrization: Parametrization, curves: readonly Curve[]): string {
  const rates = RATES[parametrization];
  const { places, stays, even } = verdictOf(
    curves.filter((curve) => curve.parametrization === parametrization),
  );
  const evens = `at all widths best or even with it: ${even.length === 0 ? 'none' : placesOf(even, rates)}`;
  return `${parametrization}: the best rate ${stays ? 'stays at' : 'moves,'} ${placesOf(places, rates)}; ${evens}`;
}

const drawingOf = (curves: readonly Curve[], { steps, seeds, loss }: Settings): string =>
  panelDrawing(
    {
      title: 'Loss by learning rate at several widths',
      description: `${
        loss === 'validation'
          ? `Validation loss after ${steps} steps`
          : `Mean loss of the last quarter of ${steps} steps`
      }${seeds > 1 ? `, mean and spread of ${seeds} seeds` : ''}; both axes are logarithmic, and lower is better.`,
      y: { label: 'loss', log: true },
    },
    BOTH.map((parametrization) => ({
      x: { label: `learning rate, ${parametrization}`, log: true },
      lines: curves
        .filter((curve) => curve.parametrization === parametrization)
        .map(({ width, rates, losses, ofSeeds }) => ({
          name: `width ${width}`,
          points: losses.map((y, i) => ({
            x: rates[i] as number,
            y,
            ...(seeds > 1 ? { spread: spread(ofSeeds.map((each) => each[i] as number)) } : {}),
          })),
        })),
    })),
  );

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const settings = settingsOf(values);
  const { out = 'widths.svg' } = values;
  mkdirSync(dirname(out), { recursive: true });
  const cells = cellsIn(`${out}.runs.ndjson`);
  await useBackend();
  const started = cpuMs();
  const checks = new Map<Parametrization, CoordinateCheck>();
  for (const parametrization of BOTH) {
    const check = await checkOf(parametrization, settings);
    checks.set(parametrization, check);
    console.log(`${parametrization}: after ${CHECK.steps} steps at ${CHECK.rate}\n${check}\n`);
    writeFileSync(
      `${out.replace(/\.svg$/, '')}-coordinates-${parametrization === 'µP' ? 'mup' : 'standard'}.svg`,
      check.toSVG(),
    );
  }
  const curves: Curve[] = [];
  for (const parametrization of BOTH) {
    const one = { ...settings, parametrization, rates: RATES[parametrization] };
    const own = await sweep(one, cells, ({ width, rate, seed }, losses) =>
      console.log(
        `${parametrization}, seed ${seed}, width ${width}, ${power(rate)}: ${losses[settings.loss].toFixed(4)}`,
      ),
    );
    curves.push(...own);
  }
  console.log(`\n${tableOf(curves)}\n`);
  for (const parametrization of BOTH) console.log(sentenceOf(parametrization, curves));
  const minutes = ((cpuMs() - started) / 60_000).toFixed(1);
  console.log(`${tf.getBackend()}, ${JSON.stringify(settings)}, ${minutes} minutes of CPU`);
  writeFileSync(out, drawingOf(curves, settings));
  const slopes = Object.fromEntries(BOTH.map((each) => [each, checks.get(each)?.slopes]));
  const verdicts = Object.fromEntries(
    BOTH.map((each) => [each, verdictOf(curves.filter((curve) => curve.parametrization === each))]),
  );
  const numbers = { ...settings, verdicts, curves, slopes };
  writeFileSync(`${out}.json`, `${JSON.stringify(numbers, null, 1)}\n`);
  console.log(`${out} and its numbers written`);
  return 0;
}

await runCommand('study:widths', main);
