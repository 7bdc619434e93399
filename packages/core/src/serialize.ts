import * as tf from '@tensorflow/tfjs-core';
import { show } from './check.ts';

const DEEPEST = 32;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** True for an array or an object literal, which is all that a configuration consists of. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

/**
 * A copy of a saved configuration as plain data. tfjs modifies the configurations that it reads, and adds classes under
 * `customObjects`, which the copy omits. Objects that are not plain data are not copied but shared.
 *
 * @throws TypeError for something that is not an object; RangeError for keys like `__proto__`, which reach into
 *   JavaScript, and for nesting deeper than 32 levels
 * @example
 * const config = savedData('here', { units: 3 });
 */
export function savedData(where: string, config: unknown): Record<string, unknown> {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new TypeError(`${where}: a configuration must be one object. Received ${show(config)}.`);
  }
  const { customObjects: _, ...saved } = config as Record<string, unknown>;
  return copyOf(where, saved, 0) as Record<string, unknown>;
}

function copyOf(where: string, value: unknown, depth: number): unknown {
  if (depth > DEEPEST) {
    throw new RangeError(`${where}: the configuration is nested deeper than ${DEEPEST} levels.`);
  }
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  const forbidden = Object.getOwnPropertyNames(value).find((key) => FORBIDDEN.has(key));
  if (forbidden !== undefined) {
    throw new RangeError(`${where}: the configuration must not have the key "${forbidden}".`);
  }
  if (Array.isArray(value)) return value.map((item) => copyOf(where, item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, copyOf(where, item, depth + 1)]),
  );
}

/**
 * Builds an object from its saved form, `{ className, config }`. The data may come from a file: nothing in it is
 * evaluated, and only registered classes are built.
 *
 * @param kind what the object must be, in words
 * @param isKind whether it is one
 * @throws RangeError for a class that is not registered or builds something else, and as `savedData` does
 * @example
 * const layer = buildSaved('here', 'layer', { className: 'ReLU', config: {} }, () => true);
 */
export function buildSaved<T>(
  where: string,
  kind: string,
  saved: unknown,
  isKind: (built: unknown) => built is T,
): T {
  const { className, config } = (saved ?? {}) as { className?: unknown; config?: unknown };
  if (typeof className !== 'string' || typeof config !== 'object' || config === null) {
    throw new RangeError(
      `${where}: the ${kind} inside is saved as { className, config }. Received ${show(saved)}.`,
    );
  }
  const registered = tf.serialization.SerializationMap.getMap().classNameMap;
  const entry = Object.hasOwn(registered, className) ? registered[className] : undefined;
  if (entry === undefined) {
    throw new RangeError(
      `${where}: the ${kind} class "${className}" is not registered. Import the package that defines it before loading.`,
    );
  }
  const [cls, fromConfig] = entry;
  const copy = savedData(where, saved)['config'] as tf.serialization.ConfigDict;
  const built: unknown = fromConfig(cls, copy);
  if (!isKind(built))
    throw new RangeError(`${where}: the class "${className}" is not a class of ${kind}s.`);
  return built;
}

/**
 * Builds an optimizer from `{ className, config }`, the form in which adapters save the one inside.
 *
 * @throws RangeError for a class that is not registered or not an optimizer, keys like `__proto__`, or absurd
 *   nesting
 */
export function deserializeOptimizer(where: string, data: unknown): tf.Optimizer {
  return buildSaved(
    where,
    'optimizer',
    data,
    (built): built is tf.Optimizer =>
      typeof (built as Partial<tf.Optimizer>).applyGradients === 'function',
  );
}
