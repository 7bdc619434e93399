/** Functional models of random shape: shared, nested, frozen and repeated parts, several inputs and outputs. */
import * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  input,
  type LayersModel,
  layers,
  sequential,
} from '@tensorflow/tfjs-layers';
import * as fc from 'fast-check';
import {
  Forgetful,
  ForgetfulDense,
  Fork,
  Holder,
  OwnModel,
  OwnSequential,
  SelfNamed,
} from './hard-layers.ts';
import { numbers } from './numbers.ts';

type Symbolic = ReturnType<typeof input>;
type Layer = layers.Layer;

const [STEPS, WIDTH, TOKENS] = [3, 4, 6];
const rnn = { units: WIDTH, recurrentInitializer: 'glorotNormal' } as const;

/** Layers that keep the shape, for vectors [width] and sequences [steps, width] alike. */
const ANYWHERE = [
  (name: string): Layer => layers.dense({ units: WIDTH, activation: 'tanh', name }),
  (name: string): Layer => layers.dense({ units: WIDTH, useBias: false, name }),
  (name: string): Layer => layers.batchNormalization({ name }),
  (name: string): Layer => layers.layerNormalization({ name }),
  (name: string): Layer => layers.activation({ activation: 'relu', name }),
  (name: string): Layer => layers.dropout({ rate: 0.5, name }),
];
const FOR_SEQUENCES = [
  ...ANYWHERE,
  (name: string): Layer => layers.conv1d({ filters: WIDTH, kernelSize: 2, padding: 'same', name }),
  (name: string): Layer => layers.lstm({ ...rnn, returnSequences: true, name }),
  (name: string): Layer => layers.gru({ ...rnn, returnSequences: true, name }),
  (name: string): Layer =>
    layers.bidirectional({
      layer: layers.simpleRNN({ ...rnn, returnSequences: true, name: `${name}_inside` }),
      mergeMode: 'sum',
      name,
    }),
  (name: string): Layer =>
    layers.timeDistributed({ layer: layers.dense({ units: WIDTH, name: `${name}_each` }), name }),
];
/** Those that a copy by name and configuration of the model fails at; they keep the shape too. */
const HARD = [
  (): Layer => new Forgetful(),
  (): Layer => new ForgetfulDense(),
  (): Layer => new SelfNamed(),
  (name: string): Layer => new Holder({ name }),
];
const TO_VECTORS = [
  (name: string): Layer => layers.lstm({ ...rnn, name }),
  (name: string): Layer => layers.globalAveragePooling1d({ name }),
];

/** One step in the making of a model: which kind, on which results so far. */
interface Move {
  readonly kind: 'new' | 'again' | 'join' | 'nest' | 'other rank' | 'fork';
  readonly which: number;
  readonly on: number;
  readonly and: number;
}

export interface Recipe {
  readonly tokens: boolean;
  readonly moves: readonly Move[];
  readonly outputs: readonly number[];
  readonly frozen: readonly number[];
}

const at = fc.nat(1000);
const kinds = ['new', 'new', 'new', 'again', 'again', 'join', 'nest', 'other rank'] as const;

const recipesOf = (kinds: readonly Move['kind'][]): fc.Arbitrary<Recipe> =>
  fc.record({
    tokens: fc.boolean(),
    moves: fc.array(fc.record({ kind: fc.constantFrom(...kinds), which: at, on: at, and: at }), {
      minLength: 2,
      maxLength: 12,
    }),
    outputs: fc.array(at, { minLength: 1, maxLength: 3 }),
    frozen: fc.array(at, { maxLength: 2 }),
  });

export const recipes: fc.Arbitrary<Recipe> = recipesOf(kinds);
export const hardRecipes: fc.Arbitrary<Recipe> = recipesOf([...kinds, 'again', 'fork']);

const pick = <T>(from: readonly T[], index: number): T => from[index % from.length] as T;
const shapeOf = ({ shape }: Symbolic): number[] => shape.slice(1) as number[];

/**
 * The model of a recipe; its inputs are a vector and a sequence of numbers or tokens.
 *
 * @param isHard with layers and models that are hard to copy, in every second place, and calls of layers that lie in a
 *   nested model too
 */
export function cook({ tokens, moves, outputs, frozen }: Recipe, isHard = false): LayersModel {
  const forShape = (shape: readonly number[]) => {
    const stock = shape.length > 1 ? FOR_SEQUENCES : ANYWHERE;
    return isHard ? stock.flatMap((each, i) => [each, pick(HARD, i)]) : stock;
  };
  const inputs = [
    input({ shape: [WIDTH], name: 'vector' }),
    input({ shape: tokens ? [STEPS] : [STEPS, WIDTH], name: 'sequence' }),
  ];
  const starts = [
    layers.dense({ units: WIDTH, name: 'start' }),
    tokens
      ? layers.embedding({ inputDim: TOKENS, outputDim: WIDTH, name: 'embedding' })
      : layers.conv1d({ filters: WIDTH, kernelSize: 1, name: 'convolution' }),
  ];
  const results = starts.map((layer, index) => layer.apply(inputs[index] as Symbolic) as Symbolic);
  const made: { readonly layer: Layer; readonly rank: number }[] = [];
  const sameShape = (x: Symbolic) =>
    results.filter((each) => String(shapeOf(each)) === String(shapeOf(x)));
  const layerFor = ({ kind, which, and }: Move, name: string, shape: number[]): Layer => {
    if (kind === 'new' || kind === 'join') return pick(forShape(shape), which)(name);
    if (kind === 'nest') {
      const head = layers.dense({ units: WIDTH, inputShape: shape, name: `${name}_in` });
      const rest = [which, and].map((each, i) => pick(forShape(shape), each)(`${name}_${i}`));
      const parts = [head, ...rest];
      if (!isHard) return sequential({ name, layers: parts });
      made.push(...parts.map((layer) => ({ layer, rank: shape.length })));
      if (which % 2 === 0) return new OwnSequential(parts, name);
      const x = input({ shape, name: `${name}_x` });
      const y = parts.reduce((result, layer) => layer.apply(result) as Symbolic, x);
      return new OwnModel(functional({ name, inputs: x, outputs: y }));
    }
    if (kind === 'again') {
      const usable = made.filter(({ rank }) => rank === shape.length);
      return usable.length > 0 ? pick(usable, which).layer : layers.dropout({ rate: 0.5, name });
    }
    return shape.length > 1
      ? pick(TO_VECTORS, which)(name)
      : layers.repeatVector({ n: STEPS, name });
  };
  moves.forEach((move, index) => {
    const x = pick(results, move.on);
    const [name, shape] = [`layer${index}`, shapeOf(x)];
    // Not with itself: tfjs frees a result too early that one layer takes twice.
    const others = sameShape(x).filter((each) => each !== x);
    if (move.kind === 'join' && others.length > 0) {
      const join = pick([layers.add({ name }), layers.multiply({ name })], move.which);
      results.push(join.apply([x, pick(others, move.and)]) as Symbolic);
      return;
    }
    if (move.kind === 'fork') {
      results.push(...(new Fork({ name }).apply(x) as Symbolic[]));
      return;
    }
    const layer = layerFor(move, name, shape);
    if (move.kind === 'new' || move.kind === 'nest') made.push({ layer, rank: shape.length });
    results.push(layer.apply(x) as Symbolic);
  });
  const chosen = [
    ...new Set([results.length - 1, ...outputs.map((each) => each % results.length)]),
  ];
  const used = chosen.map((index) => results[index] as Symbolic);
  const reached = (x: Symbolic, seen = new Set<Symbolic>()): Set<Symbolic> => {
    if (!seen.has(x)) {
      seen.add(x);
      for (const from of x.inputs ?? []) reached(from as Symbolic, seen);
    }
    return seen;
  };
  const all = new Set(used.flatMap((x) => [...reached(x)]));
  const model = functional({ inputs: inputs.filter((x) => all.has(x)), outputs: used });
  for (const each of frozen) pick(model.layers, each).trainable = false;
  return model;
}

/** Inputs for a model of `cook`. */
export function inputsOf(model: LayersModel, { tokens }: Recipe): tf.Tensor[] {
  return model.inputs.map((x, index) => {
    const shape = [2, ...shapeOf(x as Symbolic)];
    const size = tf.util.sizeFromShape(shape);
    return x.name.startsWith('sequence') && tokens
      ? tf.tensor(numbers(index + 1, size, 0, TOKENS).map(Math.floor), shape, 'int32')
      : tf.tensor(numbers(index + 1, size, -1, 1), shape);
  });
}
