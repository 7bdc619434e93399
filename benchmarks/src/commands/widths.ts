/** `npm run study:widths`: the sizes of activations and the best learning rate at each width, with µP and without. */
import { writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { drawTable } from '@tfjs-lrm/core/kit';
import { type CoordinateCheck, coordinateCheck } from '@tfjs-lrm/mup';
import { isLinked } from '@tfjs-lrm/native/linked';
import {
  describeFlags,
  type Flags,
  numbers,
  panelDrawing,
  path,
  present,
  readFlags,
  runCommand,
  whole,
} from '@tfjs-lrm/shared';
import { lowestRate } from '../lowest-rate.ts';
import { cpuMs } from '../machine.ts';
import {
  batchOf,
  build,
  type Curve,
  gridFrom,
  type Parametrization,
  student,
  sweep,
} from '../widths.ts';

interface Chosen {
  widths: readonly number[];
  steps: number;
  seeds: number;
  out: string;
  help: true;
}

const FLAGS: Flags<Chosen> = {
  widths: numbers('widths, the least of which is the base (default 64,128,256,512)'),
  steps: whole(8, 'training steps of each run (default 150)'),
  seeds: whole(1, 'runs of each width and rate (default 1)'),
  out: path('FILE', 'the drawing (default widths.svg); the others and the numbers go beside it'),
  help: present('this text'),
};

const HELP = `Trains MLPs of several widths on the answers of a random network, with Adam at learning rates √2 apart, with µP and
without, and draws the loss by the rate. Before that, it draws the sizes of activations after a few steps at one rate.

  npm run study:widths -- [options]

${describeFlags(FLAGS)}`;

const RATES = gridFrom(2 ** -11, 13);
const BOTH: readonly Parametrization[] = ['standard', 'µP'];
/** Of the coordinate check. */
const CHECK = { rate: 1e-3, steps: 3 };

const power = (rate: number): string =>
  Number.isNaN(rate) ? '–' : `2^${Math.log2(rate).toFixed(2)}`;

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
  widths: readonly number[],
  seeds: number,
): Promise<CoordinateCheck> {
  const [x, y] = batchOf(0);
  const bases = Array.from({ length: seeds }, (_, seed) => build(Math.min(...widths), seed));
  const check = await coordinateCheck(
    (width, seed) =>
      student(parametrization, width, CHECK.rate, seed, bases[seed] as (typeof bases)[number]),
    widths,
    { x, y, seeds, steps: CHECK.steps },
  );
  for (const base of bases) base.dispose();
  tf.dispose([x, y]);
  return check;
}

/** The best rate of each width on the grid and by the parabola, over all seeds and for each, and what the narrowest's costs. */
function tableOf(curves: readonly Curve[]): string {
  const rows = curves.map((curve) => {
    const narrowest = curves.find(
      ({ parametrization }) => parametrization === curve.parametrization,
    ) as Curve;
    const least = curve.losses[curve.best] as number;
    return [
      curve.parametrization,
      String(curve.width),
      power(RATES[curve.best] as number),
      power(curve.lowest),
      curve.ofSeeds.map((losses) => power(lowestRate(RATES, losses))).join(' '),
      least.toPrecision(3),
      `× ${((curve.losses[narrowest.best] as number) / least).toFixed(3)}`,
    ];
  });
  const header = ['', 'width', 'best', 'lowest', 'of each seed', 'loss', "at the narrowest's best"];
  return drawTable([header, ...rows]);
}

const drawingOf = (curves: readonly Curve[], steps: number, seeds: number): string =>
  panelDrawing(
    {
      title: 'Loss by learning rate at several widths',
      description: `Mean loss of the last quarter of ${steps} steps${seeds > 1 ? `, over ${seeds} seeds` : ''}; both axes are logarithmic, and lower is better.`,
      y: { label: 'loss', log: true },
    },
    BOTH.map((parametrization) => ({
      x: { label: `learning rate, ${parametrization}`, log: true },
      lines: curves
        .filter((curve) => curve.parametrization === parametrization)
        .map(({ width, losses }) => ({
          name: `width ${width}`,
          points: losses.map((y, i) => ({ x: RATES[i] as number, y })),
        })),
    })),
  );

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { widths = [64, 128, 256, 512], steps = 150, seeds = 1, out = 'widths.svg' } = values;
  await useBackend();
  const started = cpuMs();
  const checks = new Map<Parametrization, CoordinateCheck>();
  for (const parametrization of BOTH) {
    const check = await checkOf(parametrization, widths, seeds);
    checks.set(parametrization, check);
    console.log(`${parametrization}: after ${CHECK.steps} steps at ${CHECK.rate}\n${check}\n`);
    writeFileSync(
      `${out.replace(/\.svg$/, '')}-coordinates-${parametrization === 'µP' ? 'mup' : 'standard'}.svg`,
      check.toSVG(),
    );
  }
  const curves: Curve[] = [];
  for (const parametrization of BOTH) {
    const report = ({ width, best }: Curve): void =>
      console.log(`${parametrization}, width ${width}: best at ${power(RATES[best] as number)}`);
    curves.push(...(await sweep(parametrization, { widths, rates: RATES, steps, seeds }, report)));
  }
  console.log(`\n${tableOf(curves)}`);
  console.log(
    `${tf.getBackend()}, ${steps} steps, ${seeds} seed(s), ${((cpuMs() - started) / 60_000).toFixed(1)} minutes of CPU`,
  );
  writeFileSync(out, drawingOf(curves, steps, seeds));
  const slopes = BOTH.map((each) => [each, checks.get(each)?.slopes]);
  const numbers = { rates: RATES, steps, seeds, curves, slopes: Object.fromEntries(slopes) };
  writeFileSync(`${out}.json`, `${JSON.stringify(numbers, null, 1)}\n`);
  console.log(`${out} and its numbers written`);
  return 0;
}

await runCommand('study:widths', main);
