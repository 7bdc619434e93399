import * as tf from '@tensorflow/tfjs-core';
import { show } from './check.ts';

const DEEPEST = 32;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** Refuses configurations that no optimizer writes: too deep, or with keys that reach into JavaScript. */
function checkData(where: string, value: unknown, depth: number): void {
  if (depth > DEEPEST)
    throw new RangeError(`${where}: the configuration is nested deeper than ${DEEPEST} levels.`);
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.getOwnPropertyNames(value)) {
    if (FORBIDDEN.has(key))
      throw new RangeError(`${where}: the configuration must not have the key "${key}".`);
    checkData(where, (value as Record<string, unknown>)[key], depth + 1);
  }
}

/**
 * Builds an optimizer from `{ className, config }`, as adapters save the one inside them. The data may come
 * from a file: nothing in it is evaluated, and only registered classes are built.
 *
 * @throws RangeError for a class that is not registered, keys like `__proto__`, or absurd nesting
 */
export function deserializeOptimizer(where: string, data: unknown): tf.Optimizer {
  checkData(where, data, 0);
  const { className, config } = (data ?? {}) as { className?: unknown; config?: unknown };
  if (typeof className !== 'string' || typeof config !== 'object' || config === null) {
    throw new RangeError(
      `${where}: an optimizer inside is saved as { className, config }. Received ${show(data)}.`,
    );
  }
  const registered = tf.serialization.SerializationMap.getMap().classNameMap;
  const entry = Object.hasOwn(registered, className) ? registered[className] : undefined;
  if (entry === undefined) {
    throw new RangeError(
      `${where}: the optimizer class "${className}" is not registered. Import the package that defines it before loading.`,
    );
  }
  const [cls, fromConfig] = entry;
  const optimizer = fromConfig(
    cls,
    config as tf.serialization.ConfigDict,
  ) as unknown as tf.Optimizer;
  if (typeof optimizer.applyGradients !== 'function') {
    throw new RangeError(`${where}: the class "${className}" is no optimizer.`);
  }
  return optimizer;
}
