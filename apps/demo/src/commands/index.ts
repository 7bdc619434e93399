/** The commands of the demo: an experiment joins as a file beside this one and a line in the table. */
import type { Command } from './command.ts';

interface Listed {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

export const COMMANDS: Readonly<Record<string, Listed>> = {
  train: {
    summary: 'trains a language model with and without multipliers, and writes a report',
    load: () => import('./train.ts'),
  },
  figure: {
    summary: 'draws the validation losses of finished runs as one SVG file',
    load: () => import('./figure.ts'),
  },
  paper: {
    summary: "looks for the paper's effects at the size of a demo, with a verdict for each",
    load: () => import('./paper.ts'),
  },
};

/** The command where none is named. */
export const DEFAULT_COMMAND = 'train';
