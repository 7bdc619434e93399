import { initializers, type layers } from '@tensorflow/tfjs-layers';
import {
  anyRule,
  booleanRule,
  checkOptions,
  labelOf,
  nearest,
  type Rule,
  show,
} from '@tfjs-lrm/core/kit';
import { FACTORS, type Factor, wantedFactors } from './factors.ts';
import { type Initializer, type InitializerLike, initializerFrom } from './internals.ts';
import { placesOf } from './places.ts';

/** Which factors a layer gets. */
export interface MultiplierOptions {
  /** One factor per output feature. Default true. */
  readonly row?: boolean | undefined;
  /** One factor per input feature; for an embedding, one per token. Default true where a kernel has such an axis. */
  readonly column?: boolean | undefined;
  /** One factor for the whole kernel. Default false. */
  readonly scalar?: boolean | undefined;
  /** Initial values, each 'ones' by default, which changes nothing. */
  readonly initializer?: { readonly [factor in Factor]?: InitializerLike | undefined } | undefined;
  /** The properties that hold the kernels of a custom layer, each [..., inputs, outputs]: `kernel`, `cell.kernel`. */
  readonly kernels?: readonly string[] | undefined;
  /** Another name for the layer. Default: its own. */
  readonly name?: string | undefined;
}

/** The options with defaults filled in and initializers created. */
export interface Settings {
  readonly name: string | undefined;
  readonly kernels: readonly string[] | undefined;
  readonly initializers: ReadonlyMap<Factor, Initializer>;
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isListOfNames: Rule = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(isName) &&
  new Set(value).size === value.length
    ? null
    : { must: 'be a list of different property names', try: "['kernel']" };

const rules: { readonly [option in keyof Required<MultiplierOptions>]: Rule } = {
  row: booleanRule(true),
  column: booleanRule(true),
  scalar: booleanRule(false),
  initializer: anyRule,
  kernels: isListOfNames,
  name: (value) => (isName(value) ? null : { must: 'be a name', try: "'dense'" }),
};
const initializerRules = Object.fromEntries(FACTORS.map((factor) => [factor, anyRule]));

/** The names of all options, for reading a saved configuration. */
export const OPTIONS: readonly string[] = Object.keys(rules);

function initializerOf(where: string, initializer: unknown): Initializer {
  try {
    // A copy, because tfjs writes to the configuration that it reads.
    const copy =
      (initializer as { constructor?: unknown }).constructor === Object
        ? structuredClone(initializer)
        : initializer;
    return initializerFrom(copy as InitializerLike);
  } catch {
    const hint =
      typeof initializer === 'string' ? nearest(initializer, Object.keys(initializers)) : 'ones';
    throw new RangeError(
      `${where} must be the name of an initializer or one of tf.initializers. Received ${show(initializer)}. Try '${hint}'.`,
    );
  }
}

/**
 * Checks the options of `withMultipliers` for a layer and creates the objects that they name.
 *
 * @throws TypeError for anything but an options object, RangeError for a wrong key or value,
 *   and for a layer without known kernels
 */
export function settingsOf(options: MultiplierOptions, layer: layers.Layer): Settings {
  checkOptions('withMultipliers', options, rules);
  const hasColumn = placesOf(layer, options.kernels).some(({ axes }) => axes.column.length > 0);
  if (!hasColumn && options.column === true) {
    throw new RangeError(
      `withMultipliers: ${labelOf(layer)} has no column axis, because each of its outputs has one input feature. Leave out "column".`,
    );
  }
  const {
    row = true,
    column = hasColumn,
    scalar = false,
    initializer = {},
    kernels,
    name,
  } = options;
  checkOptions('withMultipliers: "initializer"', initializer, initializerRules);
  const wanted = { row, column, scalar };
  const factors = wantedFactors('withMultipliers', wanted, 'the layer');
  for (const factor of FACTORS) {
    if (!wanted[factor] && initializer[factor] !== undefined) {
      throw new RangeError(
        `withMultipliers: initializer.${factor} is given, but "${factor}" is off. Try ${factor}: true.`,
      );
    }
  }
  const built = factors.map(
    (factor) =>
      [
        factor,
        initializerOf(`withMultipliers: initializer.${factor}`, initializer[factor] ?? 'ones'),
      ] as const,
  );
  return {
    name,
    kernels: kernels === undefined ? undefined : [...kernels],
    initializers: new Map(built),
  };
}
