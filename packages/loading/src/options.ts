import type * as tf from '@tensorflow/tfjs-core';
import { anyRule, booleanRule, type Rule } from '@tfjs-lrm/core/kit';

/** How a model or its weights are loaded: the options of `tf.loadLayersModel`. */
export type LoadModelOptions = tf.io.LoadOptions;

const isFunction: Rule = (value) =>
  typeof value === 'function' ? null : { must: 'be a function', try: '(fraction) => {}' };

const isText: Rule = (value) =>
  typeof value === 'string' ? null : { must: 'be a text', try: "'https://host/weights/'" };

export const RULES: Readonly<Record<keyof Required<LoadModelOptions>, Rule>> = {
  strict: booleanRule(true),
  onProgress: isFunction,
  fetchFunc: isFunction,
  weightUrlConverter: isFunction,
  requestInit: anyRule,
  weightPathPrefix: isText,
  fromTFHub: anyRule,
  streamWeights: booleanRule(false),
};
