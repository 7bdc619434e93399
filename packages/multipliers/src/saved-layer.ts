import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { show } from '@tfjs-lrm/core';
import { isLayer } from './internals.ts';

const DEEPEST = 32;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** True for an array or an object literal: what a configuration consists of. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

/**
 * A copy of a configuration, which may come from a file.
 *
 * @throws RangeError for keys like `__proto__` and for absurd nesting
 */
function copyOf(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  if (depth > DEEPEST) {
    throw new RangeError(
      `withMultipliers: the configuration is nested deeper than ${DEEPEST} levels.`,
    );
  }
  const forbidden = Object.getOwnPropertyNames(value).find((key) => FORBIDDEN.has(key));
  if (forbidden !== undefined) {
    throw new RangeError(
      `withMultipliers: the configuration must not have the key "${forbidden}".`,
    );
  }
  if (Array.isArray(value)) return value.map((item) => copyOf(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, copyOf(item, depth + 1)]),
  );
}

/**
 * A copy of a saved configuration as data: tfjs writes into the ones that it reads, and the caller may
 * use his again.
 *
 * @throws RangeError for keys like `__proto__` and for absurd nesting
 */
export function savedData(config: unknown): Record<string, unknown> {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new TypeError(
      `withMultipliers: a configuration must be one object. Received ${show(config)}.`,
    );
  }
  // What tfjs adds on loading: classes, no data.
  const { customObjects: _, ...saved } = config as Record<string, unknown>;
  return copyOf(saved, 0) as Record<string, unknown>;
}

/**
 * Builds the layer that a wrapper was saved with. Only registered classes are built.
 *
 * @throws RangeError for a class that is not registered or is no layer
 */
export function layerFrom(saved: unknown): layers.Layer {
  const { className, config } = (saved ?? {}) as { className?: unknown; config?: unknown };
  if (typeof className !== 'string' || typeof config !== 'object' || config === null) {
    throw new RangeError(
      `withMultipliers: the layer inside is saved as { className, config }. Received ${show(saved)}.`,
    );
  }
  const registered = tf.serialization.SerializationMap.getMap().classNameMap;
  const entry = Object.hasOwn(registered, className) ? registered[className] : undefined;
  if (entry === undefined) {
    throw new RangeError(
      `withMultipliers: the layer class "${className}" is not registered. Import the module that defines it before loading.`,
    );
  }
  const [cls, fromConfig] = entry;
  const layer: unknown = fromConfig(cls, config as tf.serialization.ConfigDict);
  if (!isLayer(layer))
    throw new RangeError(`withMultipliers: the class "${className}" is no layer.`);
  return layer;
}
