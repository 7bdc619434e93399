/** `npm run study:widths`: the best learning rate at each width, with µP and without. */
import { writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { isLinked } from '@tfjs-lrm/native/linked';
import {
  columns,
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
import { type Curve, gridFrom, type Parametrization, sweep } from '../widths.ts';

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
  out: path('FILE', 'the drawing (default widths.svg); the numbers go beside it as JSON'),
  help: present('this text'),
};

const HELP = `Trains MLPs of several widths on the answers of a random network, with Adam at learning rates √2 apart, with µP and
without, and draws the loss by the rate.

  npm run study:widths -- [options]

${describeFlags(FLAGS)}`;

const RATES = gridFrom(2 ** -11, 13);
const BOTH: readonly Parametrization[] = ['standard', 'µP'];

const rateOf = ({ best }: Curve): number => RATES[best] as number;

async function useBackend(): Promise<void> {
  if (isLinked()) {
    await import('@tfjs-lrm/native');
    await tf.setBackend('tensorflow');
    return;
  }
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
}

async function main(args: readonly string[]): Promise<number> {
  const values = readFlags(args, FLAGS);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { widths = [64, 128, 256, 512], steps = 150, seeds = 1, out = 'widths.svg' } = values;
  await useBackend();
  const started = process.cpuUsage();
  const curves: Curve[] = [];
  for (const parametrization of BOTH) {
    const report = (curve: Curve): void =>
      console.log(
        `${parametrization}, width ${curve.width}: best at ${rateOf(curve).toPrecision(3)}`,
      );
    curves.push(...(await sweep(parametrization, { widths, rates: RATES, steps, seeds }, report)));
  }
  const { user, system } = process.cpuUsage(started);
  console.log(
    columns([
      ['width', ...BOTH],
      ...widths.map((width) => [
        String(width),
        ...BOTH.map((each) => {
          const curve = curves.find(
            (one) => one.parametrization === each && one.width === width,
          ) as Curve;
          return `2^${Math.log2(rateOf(curve)).toFixed(1)} (loss ${(curve.losses[curve.best] as number).toPrecision(3)})`;
        }),
      ]),
    ]),
  );
  console.log(
    `${tf.getBackend()}, ${steps} steps, ${seeds} seed(s), ${((user + system) / 6e7).toFixed(1)} minutes of CPU`,
  );
  const svg = panelDrawing(
    {
      title: 'Loss by learning rate at several widths',
      description: `Mean loss of the last quarter of ${steps} steps; both axes are logarithmic, and lower is better.`,
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
  writeFileSync(out, svg);
  writeFileSync(
    `${out}.json`,
    `${JSON.stringify({ rates: RATES, steps, seeds, curves }, null, 1)}\n`,
  );
  console.log(`${out} and ${out}.json written`);
  return 0;
}

await runCommand('study:widths', main);
