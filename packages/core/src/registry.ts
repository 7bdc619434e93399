/** The classes of optimizers that can be saved, and the names that users know them by. */
import * as tf from '@tensorflow/tfjs-core';
import { savedData } from './serialize.ts';

// On globalThis, so that two copies of this package in one process share the names.
const NAMES: unique symbol = Symbol.for('tfjs-lrm/names');
const shared = globalThis as { [NAMES]?: Map<string, string> };
shared[NAMES] ??= new Map();
const names: Map<string, string> = shared[NAMES];

interface Class {
  readonly name: string;
  readonly className?: unknown;
  readonly fromConfig?: unknown;
}

/** The name of the function that creates a class of optimizer, `muon` for `LrmMuon`; else the class name itself. */
export function nameOfClass(className: string): string {
  return names.get(className) ?? className;
}

/** The function names and class names of all known optimizers, including tfjs' own. */
export function knownNames(): readonly string[] {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const classes = Object.keys(classNameMap).filter(
    (name) => classNameMap[name]?.[0].prototype instanceof tf.Optimizer,
  );
  return [...new Set([...names.values(), ...classes])];
}

/**
 * The name of a class in saved files.
 *
 * @throws Error for a class without a name of its own, which would be saved and loaded as the one that it extends
 */
export function ownClassName(cls: Class): string {
  const { className } = cls;
  if (Object.hasOwn(cls, 'className') && typeof className === 'string' && className !== '') {
    return className;
  }
  throw new Error(
    `${cls.name || 'TensorOptimizer'}: a class of optimizers must have a name of its own, under which it is saved. Received none. Try static override readonly className: string = '${cls.name || 'MyOptimizer'}'.`,
  );
}

/** The error for a class that is not registered. */
export function unregistered(className: string): Error {
  return new Error(
    `${className}: a class that is saved must be registered, so that it can be loaded again. Try optimizer(name, Class, rules) or adapter(name, Class, rules) of @tfjs-lrm/core, which makes and registers it.`,
  );
}

/**
 * Throws unless the class of an optimizer can be built from a saved configuration.
 *
 * @param inherited the `fromConfig` of the base class, which throws
 */
export function assertRegistered(optimizer: tf.Optimizer, inherited: unknown): void {
  const className = optimizer.getClassName();
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const { fromConfig } = optimizer.constructor as unknown as Class;
  if (!Object.hasOwn(classNameMap, className) || fromConfig === inherited) {
    throw unregistered(className);
  }
}

/**
 * Registers a class, so that `tf.loadLayersModel` or an adapter around it can build it from what its `getConfig`
 * returned.
 *
 * @param make gets the configuration, copied and free of keys like `__proto__`
 */
export function register<Made extends tf.serialization.Serializable>(
  name: string,
  Class: { readonly className: string; readonly name: string },
  make: (config: Record<string, unknown>) => Made,
): void {
  names.set(ownClassName(Class), name);
  const fromConfig = (_: unknown, config: unknown): Made => make(savedData(name, config));
  const cls = Object.defineProperty(Class, 'fromConfig', { value: fromConfig, configurable: true });
  tf.serialization.registerClass(cls as tf.serialization.SerializableConstructor<Made>);
}
