import type * as tf from '@tensorflow/tfjs-core';
import type { Selector } from '@tfjs-lrm/core';
import {
  anyRule,
  booleanRule,
  numberRule,
  oneOfRule,
  type Rule,
  selectorRule,
} from '@tfjs-lrm/core/kit';
import { type Coefficients, coefficientsRule, type Preset } from './coefficients.ts';
import type { Split, View } from './layout.ts';

/** @inline */
export type NamedSplit = Split & { readonly name: string };

/** @inline */
export interface MuonOptions {
  /** Base learning rate, per step, times the scale. */
  readonly learningRate?: number | undefined;
  /** Decay of the running mean of gradients. */
  readonly momentum?: number | undefined;
  /** Whether the update looks ahead by one step of the mean. */
  readonly nesterov?: boolean | undefined;
  /** The iteration that orthogonalises: a preset or custom tuples. */
  readonly coefficients?: Preset | Coefficients | undefined;
  /** The scale of an update, given the inputs and outputs of the matrix. */
  readonly scale?: Scale | undefined;
  /** What Muon trains; everything else goes to the fallback. */
  readonly select?: Selector | undefined;
  /** Kernels that hold several matrices side by side; a function is called once a variable. */
  readonly split?: readonly NamedSplit[] | ((variable: tf.Variable) => Split | null) | undefined;
  /** Inputs and outputs of kernels that are neither dense nor convolutions; called once a variable. */
  readonly view?: ((variable: tf.Variable) => View | null) | undefined;
  /** The optimizer of everything that Muon does not train. */
  readonly fallback?: tf.Optimizer | undefined;
}

/** The scale of an update of a matrix [inputs, outputs]. */
export const SCALES = {
  'match-rms-adamw': (inputs: number, outputs: number): number =>
    0.2 * Math.sqrt(Math.max(inputs, outputs)),
  original: (inputs: number, outputs: number): number => Math.sqrt(Math.max(1, outputs / inputs)),
  'rms-to-rms': (inputs: number, outputs: number): number => Math.sqrt(outputs / inputs),
  none: (): number => 1,
};
export type Scale = keyof typeof SCALES;

export const isSplit = (value: unknown): value is NamedSplit => {
  const { name, axis, sizes } = (value ?? {}) as Partial<NamedSplit>;
  return (
    typeof name === 'string' &&
    Number.isInteger(axis) &&
    Array.isArray(sizes) &&
    sizes.length > 0 &&
    sizes.every((size) => Number.isInteger(size) && size > 0)
  );
};

export const rules: Readonly<Record<keyof MuonOptions, Rule>> = {
  learningRate: numberRule({ min: 0, try: '1e-3' }),
  momentum: numberRule({ min: 0, max: 1, try: '0.95' }),
  nesterov: booleanRule(true),
  coefficients: coefficientsRule,
  scale: oneOfRule(Object.keys(SCALES)),
  select: selectorRule('muon: "select"'),
  split: (value: unknown) => {
    const isFine =
      typeof value === 'function' ||
      (Array.isArray(value) &&
        value.every(isSplit) &&
        new Set(value.map(({ name }) => name)).size === value.length);
    return isFine
      ? null
      : {
          must: 'be a function, or a list of { name, axis, sizes } with a whole axis, whole sizes > 0 and no name twice',
          try: "[{ name: 'attention/kernel', axis: 1, sizes: [64, 64, 64] }]",
        };
  },
  view: (value: unknown) =>
    typeof value === 'function'
      ? null
      : { must: 'be a function', try: '(variable) => ({ in: [0, 1, 3], out: [2] })' },
  fallback: anyRule,
};
