/** The experiments on the paper: each is a file that reads like a description, and a settings file beside it. */
import type { Corpus } from '@tfjs-lrm/language-model';
import type { Cell, Measured, Outcome, Settings, Verdict } from './experiment.ts';
import * as mlp from './mlp.ts';
import * as scale from './scale.ts';

/** A quantity that is drawn against S, a line for each of the experiment's lines. */
export interface Quantity {
  readonly quantity: string;
  readonly label: string;
  readonly title: string;
}

export interface Experiment {
  readonly name: string;
  readonly title: string;
  /** The paper's claim in a sentence. */
  readonly claim: string;
  readonly lines: readonly string[];
  readonly charts: readonly Quantity[];
  /** Trains a cell; the backend must be ready. */
  readonly train: (cell: Cell, corpus: Corpus) => Promise<Measured>;
  readonly judge: (outcomes: readonly Outcome[], settings: Settings) => Verdict;
}

export const EXPERIMENTS: readonly Experiment[] = [scale, mlp];
