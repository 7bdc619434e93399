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
  return tf.tidy(() => {
    const dy = tf.tensor(at.dy, at.shape);
    const variables = layer === null ? [] : variablesOf(at, layer);
    const given = [...inputs.map((input) => tf.clone(input)), ...variables];
    const all = tf.grads((...leaves: tf.Tensor[]) =>
      tf.sum(tf.mul(outputOf(at, layer, leaves.slice(0, inputs.length)), dy)),
    )(given);
    return [outputOf(at, layer, inputs), ...all];
  });
}

/** The largest difference over the largest magnitude, or by itself where all should be 0. */
export function difference(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Number.NaN;
  const scale = Math.max(...expected.map(Math.abs)) || 1;
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number)))) / scale;
}
