/** Turns the class of an optimizer or adapter into a function for users, and registers it for loading. */
import type * as tf from '@tensorflow/tfjs-core';
import { checkOptions, knownOptions, type Rule } from './check.ts';
import type { OptimizerAdapter } from './optimizer-adapter.ts';
import { register } from './registry.ts';
import { deserializeOptimizer } from './serialize.ts';
import type { TensorOptimizer } from './tensor-optimizer.ts';

/** A class with the arguments of its constructor. */
export type ClassOf<Arguments extends unknown[], Made> = (new (
  ...given: Arguments
) => Made) & {
  readonly className: string;
};

/** The rule of each option. */
export type Rules<Options> = { readonly [option in keyof Options]-?: Rule };

/** What a class may need besides its rules. */
export interface Registration {
  /** Turns saved options into those that the class takes: builds what was saved as `{ className, config }`. */
  readonly read?: ((config: Record<string, unknown>) => object) | undefined;
}

/** The checked options in a configuration from a file. */
function optionsIn<Options extends object>(
  name: string,
  config: Record<string, unknown>,
  rules: Rules<Options>,
  { read = (saved) => saved }: Registration,
): Options {
  const options = knownOptions({ ...read(config) }, Object.keys(rules));
  checkOptions(name, options, rules);
  return options as Options;
}

/**
 * Makes the function with which users create an optimizer, and registers its class. Options are checked there and when
 * they come from a file; a misspelt one is refused with the nearest name.
 *
 * @param name the name of the function, for errors and for `findOptimizer`
 * @param Class takes the options, including its learning rate, and returns them from `options()`
 * @param rules a rule for each option; see `numberRule` and its like in `@tfjs-lrm/core/kit`
 * @param registration read: how options come back from what was saved, where they are no plain data
 * @throws Error for a class without a `className` of its own
 * @example
 * import { optimizer } from '@tfjs-lrm/core';
 * class Descent extends TensorOptimizer {
 *   static override readonly className: string = 'Descent';
 *   constructor({ learningRate = 0.1 }) { super(learningRate); }
 *   override get obstacle() { return null; }
 *   override update(entries: readonly Entry[]): void {
 *     for (const { variable, gradient } of entries) {
 *       if (gradient !== null) variable.assign(tf.sub(variable, tf.mul(this.rateOf(variable), gradient)));
 *     }
 *   }
 *   protected override options() { return {}; }
 * }
 * const descent = optimizer('descent', Descent, { learningRate: numberRule({ min: 0, try: '0.1' }) });
 * model.compile({ optimizer: descent({ learningRate: 0.5 }), loss: 'meanSquaredError' });
 */
export function optimizer<Options extends object, Made extends TensorOptimizer>(
  name: string,
  Class: ClassOf<[options: Options], Made>,
  rules: Rules<Options>,
  registration: Registration = {},
): (options?: Options) => Made {
  register(name, Class, (config) => new Class(optionsIn(name, config, rules, registration)));
  return (options = {} as Options) => {
    checkOptions(name, options, rules);
    return new Class(options);
  };
}

/**
 * Makes the function with which users put an adapter around an optimizer, and registers its class, as `optimizer` does.
 *
 * @param name the name of the function
 * @param Class takes the optimizer inside and the options, and returns the options from `options()`
 * @param rules a rule for each option
 * @param registration read: how options come back from what was saved, where they are no plain data
 * @throws Error for a class without a `className` of its own
 * @example
 * class Halve extends OptimizerAdapter {
 *   static override readonly className: string = 'Halve';
 *   constructor(inner: tf.Optimizer, _options: object) { super(inner); }
 *   override get obstacle() { return null; }
 *   override update(entries: readonly Entry[]): void {
 *     this.inner.update(entries.map(({ variable, gradient }) =>
 *       ({ variable, gradient: gradient === null ? null : tf.div(gradient, 2) })));
 *   }
 *   protected override options() { return {}; }
 * }
 * const withHalves = adapter('withHalves', Halve, {});
 * model.compile({ optimizer: withHalves(adam()), loss: 'meanSquaredError' });
 */
export function adapter<Options extends object, Made extends OptimizerAdapter>(
  name: string,
  Class: ClassOf<[inner: tf.Optimizer, options: Options], Made>,
  rules: Rules<Options>,
  registration: Registration = {},
): (inner: tf.Optimizer, options?: Options) => Made {
  register(name, Class, (config) => {
    const options = optionsIn(name, config, rules, registration);
    return new Class(deserializeOptimizer(name, config['inner']), options);
  });
  return (inner, options = {} as Options) => {
    checkOptions(name, options, rules);
    return new Class(inner, options);
  };
}
