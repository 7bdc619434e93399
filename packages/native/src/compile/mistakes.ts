/** The errors of a step that cannot be recorded. */
import * as tf from '@tensorflow/tfjs-core';
import { show } from '@tfjs-lrm/core/kit';

export function valueShaped(op: string, place: string): Error {
  return new Error(
    `compile: shapes in a step must not depend on values, because a recording repeats those of its first call. Received the operation ${op}, in ${place}. Try to run it outside and to hand over what it returns, or tf.where.`,
  );
}

/** @param content values that a step has made in JavaScript */
export function changing(shape: readonly number[], content: unknown, place: string): Error {
  const what =
    shape.length === 0
      ? `the number ${(content as ArrayLike<number>)[0]}`
      : `a tensor of shape [${shape}]`;
  return new Error(
    `compile: values that a step makes in JavaScript must be the same in every call, because a recording repeats them. Received ${what}, made in ${place}, which no call before has made. Try to hand it over as an argument, or to hold it in a tf.variable that is assigned outside.`,
  );
}

export function carried(shape: readonly number[], place: string): Error {
  return new Error(
    `compile: a step must hand tensors to its next call in variables only. Received one of shape [${shape}] that a call before has kept, used in ${place}. Try stateful: false for a recurrent layer, or tf.variable and assign.`,
  );
}

export function disposing(name: string): Error {
  return new Error(
    `compile: a step must not dispose variables. Received one that disposes "${name}". Try to dispose it outside.`,
  );
}

export function creating(variables: readonly tf.Variable[]): Error {
  const names = variables.map(({ name }) => name).join(', ');
  return new Error(
    `compile: a step must not make variables in every call. Received one that makes ${names}. Try to make them outside, and assign to them.`,
  );
}

export function repeated(optimizer: tf.Optimizer): Error {
  return new Error(
    `compile: an optimizer must apply gradients once in a step, because its schedule and its step count advance once in a recorded call. Received ${optimizer.getClassName()} applying them again. Try a compiled step for each time, or sum the losses.`,
  );
}

/** @throws for an argument of a step that is not a tensor with values */
export function checkBatch(batch: readonly unknown[]): void {
  batch.forEach((value, i) => {
    if (value instanceof tf.Tensor && value.isDisposed) {
      throw new Error(
        `compile: every argument of a step must hold its values. Received a tensor that was disposed as number ${i + 1}. Try to dispose it after the step.`,
      );
    }
    if (value === null || value instanceof tf.Tensor) return;
    throw new TypeError(
      `compile: every argument of a step must be a tensor or null. Received ${show(value)} as number ${i + 1}. Try tf.tensor(…).`,
    );
  });
}

/** @throws for what a step returns that is not a tensor, null, or an array of them */
export function checkResult(result: unknown): void {
  const list = Array.isArray(result) ? result : [result];
  if (list.every((each) => each == null || each instanceof tf.Tensor)) return;
  // The error below is thrown instead; an unhandled rejection of the rest of the step would end the process.
  if (result instanceof Promise) result.catch(() => {});
  throw new TypeError(
    `compile: a step must return a tensor, null, or an array of them. Received ${show(result)}.` +
      (result instanceof Promise ? ' Try a step without async and await.' : ''),
  );
}
