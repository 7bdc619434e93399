import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { foldMultipliers } from '@tfjs-lrm/multipliers';
import type { Corpus } from '../corpus.ts';
import { generate } from './generate.ts';
import {
  type Multipliers,
  matricesOf,
  multipliersOf,
  type Scale,
  scalesOf,
} from './matrix-scales.ts';
import type { Origin } from './origins.ts';
import type { RunSettings } from './settings.ts';

export interface RunResult {
  readonly validationLoss: number;
  readonly parameters: number;
  /** Of the folded model. */
  readonly foldedParameters: number;
  /** Largest difference between a logit of the trained and of the folded model. */
  readonly foldedDifference: number;
  /** Median, without evaluations. */
  readonly msPerStep: number;
  readonly sample: string;
  readonly matrices: readonly (Scale & { name: string; shape: readonly number[] })[];
  readonly multipliers: Multipliers;
  /** The matrices before the first step; runs of earlier versions lack them. */
  readonly origins?: Readonly<Record<string, Origin>>;
}

const SAMPLE_CHARACTERS = 240;

/** Receives the folded model and the characters that its outputs stand for. */
export type Finished = (folded: LayersModel, vocabulary: readonly string[]) => Promise<void>;

/** The result of a trained model: a sample of text, its scales and multipliers, and the folded model, which `keep` receives. */
export async function finish(
  model: LayersModel,
  corpus: Corpus,
  settings: RunSettings,
  keep: Finished,
): Promise<Omit<RunResult, 'validationLoss' | 'msPerStep'>> {
  const { context } = settings.preset;
  const folded = foldMultipliers(model);
  const difference = tf.tidy(() => {
    const ids = tf.tensor2d(corpus.validation.subarray(0, context), [1, context], 'int32');
    const logits = (of: LayersModel): tf.Tensor => of.apply(ids) as tf.Tensor;
    return tf.max(tf.abs(tf.sub(logits(model), logits(folded))));
  });
  const [foldedDifference] = (await difference.data()) as unknown as [number];
  difference.dispose();
  await keep(folded, corpus.vocabulary);
  const foldedParameters = folded.countParams();
  folded.dispose();
  const matrices = await matricesOf(model);
  const scales = scalesOf(matrices);
  return {
    parameters: model.countParams(),
    foldedParameters,
    foldedDifference,
    sample: await generate(model, corpus, context, SAMPLE_CHARACTERS, settings.seed),
    matrices: matrices.map(({ name, shape }) => ({
      name,
      shape,
      ...(scales[name] as Scale),
    })),
    multipliers: multipliersOf(matrices),
  };
}
