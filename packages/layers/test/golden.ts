/** The cases of fixtures/layers, made by its make.py: what each layer gives, and all its gradients. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { input, type layers } from '@tensorflow/tfjs-layers';
import { causalSelfAttention, crossEntropy, gatedProduct, mamba2, rmsNorm } from '../src/index.ts';

interface Numbers {
  readonly name: string;
  readonly shape: number[];
  readonly values: number[];
  readonly gradient: number[];
}

export interface Case {
  readonly name: string;
  readonly layer: keyof typeof MAKERS | 'crossEntropy';
  readonly options: Record<string, unknown>;
  readonly mask: number[][] | null;
  readonly inputs: readonly Numbers[];
  readonly weights: readonly Numbers[];
  readonly dy: number[];
  readonly shape: number[];
  readonly output: number[];
  readonly ids?: number[] | number[][];
}

const MAKERS = { rmsNorm, gatedProduct, causalSelfAttention, mamba2 };

export const { cases } = JSON.parse(
  readFileSync(new URL('../../../fixtures/layers/layers.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const make = ({ layer, options }: Case): layers.Layer =>
  (MAKERS[layer as keyof typeof MAKERS] as (options: object) => layers.Layer)(options);

/** A layer of a case, built, with the case's weights. */
export function layerOf(at: Case): layers.Layer {
  const layer = make(at);
  const symbols = at.inputs.map(({ shape }) =>
    input({ batchShape: [...shape.slice(0, -1).map(() => null), shape.at(-1) as number] }),
  );
  layer.apply(symbols.length === 1 ? symbols[0]! : symbols);
  tf.tidy(() => {
    for (const { name, shape, values } of at.weights) {
      const weight = layer.weights.find(({ originalName }) => originalName.endsWith(`/${name}`));
      weight!.write(tf.tensor(values, shape));
    }
  });
  return layer;
}

/** The variables of a layer in the order of the case. */
export const variablesOf = (at: Case, layer: layers.Layer): tf.Variable[] =>
  at.weights.map(({ name }) => {
    const weight = layer.weights.find(({ originalName }) => originalName.endsWith(`/${name}`));
    return weight!.read() as tf.Variable;
  });

/** What a case computes of its inputs. */
export function outputOf(at: Case, layer: layers.Layer | null, inputs: tf.Tensor[]): tf.Tensor {
  if (layer === null) {
    const ids = tf.tensor(at.ids as number[], undefined, 'int32');
    return crossEntropy(ids, inputs[0] as tf.Tensor, at.options);
  }
  const mask = at.mask === null ? undefined : tf.tensor2d(at.mask, undefined, 'bool');
  return layer.apply(inputs.length === 1 ? inputs[0]! : inputs, { mask }) as tf.Tensor;
}

/** The output, then all gradients of Σ output · dy: of the inputs, then of the weights. */
export function withGradients(
  at: Case,
  layer: layers.Layer | null,
  inputs: tf.Tensor[],
): tf.Tensor[] {
  const dy = tf.tensor(at.dy, at.shape);
  const leaves = inputs.map((input) => tf.variable(input));
  const variables = [...leaves, ...(layer === null ? [] : variablesOf(at, layer))];
  let output: tf.Tensor | null = null;
  const { value, grads } = tf.variableGrads(() => {
    output = tf.keep(outputOf(at, layer, leaves));
    return tf.sum(tf.mul(output, dy)) as tf.Scalar;
  }, variables);
  const gradients = variables.map(({ name }) => grads[name] as tf.Tensor);
  tf.dispose([value, dy, ...leaves]);
  return [output as unknown as tf.Tensor, ...gradients];
}
