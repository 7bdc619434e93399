import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import { lossFigure } from '@tfjs-lrm/language-model';
import { describeFlags, type Flags, Mistake, path, readFlags } from '@tfjs-lrm/shared';
import { readFinished } from '../runs/checkpoint/logged-runs.ts';
import type { Command } from './command.ts';

interface Chosen {
  run: string;
  out: string;
}

const FLAGS: Flags<Chosen> = {
  run: path('DIR', 'the folder of finished runs'),
  out: path('FILE', 'the drawing, an SVG for light and dark pages; written anew where it exists'),
};

const HELP = `Draws the validation losses of finished runs as one file. The figure of the repository's README:

  npm run demo -- --seeds 3 --out runs/seeds
  npm run demo -- figure --run runs/seeds --out docs/validation-loss.svg

${describeFlags(FLAGS)}`;

async function run(args: readonly string[]): Promise<number> {
  const { run: folder, out } = readFlags(args, FLAGS);
  if (folder === undefined || out === undefined)
    throw new Mistake('figure needs --run DIR and --out FILE. Try --help.');
  writeDurably(out, [Buffer.from(lossFigure(readFinished(folder)))]);
  console.log(`Drawn in ${out}.`);
  return 0;
}

export const command: Command = { help: () => HELP, run };
