/** How an optimizer or adapter becomes a function for users, and a class that files can be loaded into. */
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

/** What every option must satisfy. */
export type Rules<Options> = { readonly [option in keyof Options]-?: Rule };

/** What a class needs beside its rules. */
export interface Registration {
  /** The options as the class takes them, from what `getConfig` wrote: builds what was saved as `{ className, config }`. */
  readonly read?: ((config: Record<string, unknown>) => object) | undefined;
}

/** The checked options in a configuration from a file. */
function optionsIn<Options extends object>(
  name: string,
  config: Record<string, unknown>,
  rules: Rules<Options>,
  { read = (given) => given }: Registration,
): Options {
  const options = knownOptions({ ...read(config) }, Object.keys(rules));
  checkOptions(name, options, rules);
  return options as Options;
}

/**
 * Makes the function by which users get an optimizer, and registers its class: options are checked, with the nearest
 * name of a misspelt one, here and where they come from a file.
 *
 * @param name the name of the function, for errors and for `findOptimizer`
 * @param Class takes the options, its learning rate among them, and gives them back by `options()`
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
 *       if (gradient !== null) variable.assign(tf.sub(variable, tf.mul(this.rate, gradient)));
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
 * Makes the function by which users put an adapter around an optimizer, and registers its class, as `optimizer` does.
 *
 * @param name the name of the function
 * @param Class takes the optimizer inside and the options, and gives the options back by `options()`
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
