import { closest, distance } from 'fastest-levenshtein';

/** Returns what must hold for an option and a value to try, or null when the value is fine. */
export type Rule = (value: unknown) => { must: string; try: string } | null;

/** How a value reads in an error message: strings quoted, functions and objects by their kind. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null)
    return `an object (${value.constructor?.name ?? 'Object'})`;
  return String(value);
}

/** The initials of the words in a name: lr for learningRate. */
const initials = (name: string): string =>
  `${name[0] ?? ''}${name.replaceAll(/[^A-Z]/g, '')}`.toLowerCase();

/** The name that a misspelt or shortened one probably means, for "did you mean"; null when there are no names. */
export function nearest(name: string, names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const lower = name.toLowerCase();
  return (
    names.find((k) => k.toLowerCase() === lower) ??
    names.find((k) => k.toLowerCase().startsWith(lower)) ??
    names.find((k) => initials(k) === lower) ??
    closest(name, names)
  );
}

/** What to try instead of an unknown name: the nearest one, or all of them when none is near. */
function suggestion(name: string, names: readonly string[]): string {
  const hint = nearest(name, names);
  if (hint === null) return 'It takes none.';
  const [a, b] = [name.toLowerCase(), hint.toLowerCase()];
  const isNear =
    initials(hint) === a ||
    a.includes(b) ||
    b.includes(a) ||
    distance(a, b) <= Math.max(a.length, b.length) / 2;
  return isNear ? `Did you mean "${hint}"?` : `It takes ${names.join(', ')}.`;
}

/** A rule: a finite number in [min, max], optionally whole or strictly between the bounds. */
export function numberRule(options: {
  min?: number;
  max?: number;
  exclusive?: boolean;
  integer?: boolean;
  infinite?: boolean;
  try: string;
}): Rule {
  const {
    min = -Infinity,
    max = Infinity,
    exclusive = false,
    integer = false,
    infinite = false,
  } = options;
  const bounds = [
    min > -Infinity ? `${exclusive ? '>' : '>='} ${min}` : '',
    max < Infinity ? `< ${max}` : '',
  ].filter(Boolean);
  const must = `be ${infinite ? 'a' : 'a finite'} ${integer ? 'whole ' : ''}number${bounds.length > 0 ? ` ${bounds.join(' and ')}` : ''}`;
  return (value) =>
    typeof value === 'number' &&
    (infinite ? !Number.isNaN(value) : Number.isFinite(value)) &&
    (exclusive ? value > min : value >= min) &&
    (max === Infinity || value < max) &&
    (!integer || Number.isInteger(value))
      ? null
      : { must, try: options.try };
}

/** A rule: true or false. */
export function booleanRule(fallback: boolean): Rule {
  return (value) =>
    typeof value === 'boolean' ? null : { must: 'be true or false', try: String(fallback) };
}

/** A rule: one of the given strings. */
export function oneOfRule(allowed: readonly string[]): Rule {
  return (value) =>
    typeof value === 'string' && allowed.includes(value)
      ? null
      : {
          must: `be one of ${allowed.map((a) => `'${a}'`).join(', ')}`,
          try: `'${(typeof value === 'string' ? nearest(value, allowed) : null) ?? allowed[0]}'`,
        };
}

/** A rule that accepts everything: for options that are checked where they are used. */
export const anyRule: Rule = () => null;

/**
 * Checks an options object before anything changes: an unknown key is refused with the nearest known one, and every
 * value must satisfy its rule. `undefined` counts as absent.
 *
 * @param where the function whose options these are, as the user calls it
 * @throws TypeError for something that is not an options object, RangeError for a wrong key or value
 * @example
 * // { learningrate: 1 } would be: adam: unknown option "learningrate". Did you mean "learningRate"?
 * checkOptions('adam', { learningRate: 1 }, { learningRate: numberRule({ min: 0, try: '1e-3' }) });
 */
export function checkOptions(
  where: string,
  options: unknown,
  rules: Readonly<Record<string, Rule>>,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(
      `${where}: options must be one object. Received ${show(options)}. Try ${where}({ ${Object.keys(rules)[0] ?? ''} }).`,
    );
  }
  for (const [key, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) {
      throw new RangeError(
        `${where}: unknown option "${key}". ${suggestion(key, Object.keys(rules))}`,
      );
    }
    if (value === undefined) continue;
    const broken = rule(value);
    if (broken !== null) {
      throw new RangeError(
        `${where}: "${key}" must ${broken.must}. Received ${show(value)}. Try ${broken.try}.`,
      );
    }
  }
}

/**
 * The known options in a configuration from a file. Other keys are dropped, since tfjs adds some of its own; null,
 * which is how JSON holds an absent value, counts as absent.
 */
export function knownOptions(
  config: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    names
      .filter((key) => Object.hasOwn(config, key) && config[key] != null)
      .map((key) => [key, config[key]]),
  );
}
