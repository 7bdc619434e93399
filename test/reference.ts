/**
 * Stacks of adapters and groups around optimizers as plain loops over arrays, in float64. Imports nothing, so
 * that it can judge the packages.
 */

export type Role = 'matrix' | 'embedding' | 'head' | 'multiplier' | 'vector';

export type Leaf =
  | { kind: 'sgd'; rate: number }
  | { kind: 'momentum'; rate: number; momentum: number; nesterov: boolean }
  | {
      kind: 'rmsprop';
      rate: number;
      decay: number;
      momentum: number;
      epsilon: number;
      centered: boolean;
    }
  /** Ours counts the steps of each variable, tfjs' own those of the optimizer. */
  | { kind: 'adam' | 'tfjs adam'; rate: number; beta1: number; beta2: number; epsilon: number };

/** The factors of the steps; the last one goes on. */
type Schedule = { kind: 'schedule'; factors: readonly number[] };

type Decay = {
  kind: 'decay';
  decay?: number | { readonly [role in Role]?: number | undefined } | undefined;
  coupling?: 'learning-rate' | 'independent' | 'learning-rate-squared' | undefined;
  cautious?: boolean | undefined;
  exclude?: readonly Role[] | undefined;
};

type Clip = {
  kind: 'clip';
  globalNorm?: number | undefined;
  perVariableNorm?: number | undefined;
  value?: number | undefined;
  adaptive?: number | undefined;
  exclude?: readonly Role[] | undefined;
  excluded?: 'untouched' | 'own-norm' | 'scaled' | undefined;
};

export type Adapter = Schedule | Decay | Clip;

export interface Groups {
  readonly kind: 'by role';
  readonly groups: { readonly [role in Role]?: Stack | undefined };
  readonly rest: Stack;
}

/** Adapters from the outermost inwards, around an optimizer or groups of them. */
export interface Stack {
  readonly adapters: readonly Adapter[];
  readonly inner: Leaf | Groups;
}

/** Factors of a variable's rate and decay. */
export interface Rates {
  readonly learningRate: number;
  readonly decay: number;
}

interface Variable {
  readonly role: Role;
  readonly rates: Rates;
  readonly shape: readonly number[];
  w: number[];
  steps: number;
  readonly m: number[];
  readonly v: number[];
  readonly mean: number[];
}

interface Entry {
  readonly variable: Variable;
  readonly gradient: number[] | null;
}

/** A step, from 0, and the product of the factors of all schedules outside. */
interface At {
  readonly step: number;
  readonly factor: number;
}

interface Node {
  /** What updates the variable goes at this rate; its schedules, inside and outside, have this product. */
  rateOf(variable: Variable, at: At): { rate: number; factor: number };
  update(entries: readonly Entry[], at: At): void;
}

function nodeOf({ adapters, inner }: Stack): Node {
  const [outer, ...rest] = adapters;
  if (outer === undefined) return inner.kind === 'by role' ? byRole(inner) : updating(inner);
  const node = nodeOf({ adapters: rest, inner });
  if (outer.kind === 'schedule') return scheduled(outer, node);
  return {
    rateOf: node.rateOf,
    update: (entries, at) =>
      outer.kind === 'clip'
        ? node.update(clipped(outer, entries), at)
        : decayAround(outer, node, entries, at),
  };
}

function byRole({ groups, rest }: Groups): Node {
  const fallback = nodeOf(rest);
  const nodes = new Map<string, Node>();
  for (const [role, stack] of Object.entries(groups)) if (stack) nodes.set(role, nodeOf(stack));
  const owner = ({ role }: Variable): Node => nodes.get(role) ?? fallback;
  return {
    rateOf: (variable, at) => owner(variable).rateOf(variable, at),
    update(entries, at) {
      for (const node of [...nodes.values(), fallback]) {
        node.update(
          entries.filter(({ variable }) => owner(variable) === node),
          at,
        );
      }
    },
  };
}

function scheduled({ factors }: Schedule, node: Node): Node {
  const inside = ({ step, factor }: At): At => ({
    step,
    factor: factor * (factors[Math.min(step, factors.length - 1)] as number),
  });
  return {
    rateOf: (variable, at) => node.rateOf(variable, inside(at)),
    update: (entries, at) => node.update(entries, inside(at)),
  };
}

const norm = (tensors: readonly (readonly number[])[]): number => Math.hypot(...tensors.flat());
const coefficient = (total: number, most: number): number => Math.min(1, most / (total + 1e-6));
const scale = (tensor: readonly number[], by: number): number[] => tensor.map((x) => x * by);

function clipped(clip: Clip, entries: readonly Entry[]): Entry[] {
  const { value, perVariableNorm, adaptive, globalNorm } = clip;
  const { exclude = ['multiplier'], excluded = 'untouched' } = clip;
  const isExcluded = ({ variable }: Entry): boolean => exclude.includes(variable.role);
  const each = entries.map((entry): Entry => {
    const { variable, gradient } = entry;
    if (gradient === null || isExcluded(entry)) return entry;
    let g = gradient;
    if (value !== undefined) g = g.map((x) => Math.max(-value, Math.min(value, x)));
    if (perVariableNorm !== undefined) g = scale(g, coefficient(norm([g]), perVariableNorm));
    if (adaptive !== undefined) g = clipUnits(g, variable, adaptive);
    return { variable, gradient: g };
  });
  if (globalNorm === undefined) return each;
  const normOf = (group: readonly Entry[]): number =>
    norm(group.map(({ gradient }) => gradient ?? []));
  const by = coefficient(normOf(each.filter((entry) => !isExcluded(entry))), globalNorm);
  const ownBy = coefficient(normOf(each.filter(isExcluded)), globalNorm);
  const byExcluded = { untouched: 1, scaled: by, 'own-norm': ownBy }[excluded];
  return each.map((entry) => ({
    variable: entry.variable,
    gradient: entry.gradient && scale(entry.gradient, isExcluded(entry) ? byExcluded : by),
  }));
}

/** A unit is what writes one output: an index of the last axis. A vector is one unit. */
function clipUnits(g: readonly number[], { w, shape }: Variable, adaptive: number): number[] {
  const units = shape.length < 2 ? 1 : (shape.at(-1) as number);
  const cuts = Array.from({ length: units }, (_, unit) => {
    const own = (_x: number, i: number): boolean => i % units === unit;
    const most = adaptive * Math.max(norm([w.filter(own)]), 1e-3);
    return Math.min(1, most / Math.max(norm([g.filter(own)]), 1e-6));
  });
  return g.map((x, i) => x * (cuts[i % units] as number));
}

const PAPER = { matrix: 0.1, embedding: 0.1, head: 0.1, multiplier: 2e-3, vector: 0 };

function decayAround(adapter: Decay, node: Node, entries: readonly Entry[], at: At): void {
  const { decay = {}, coupling = 'learning-rate', cautious = false, exclude = [] } = adapter;
  const given =
    typeof decay === 'number' ? { matrix: decay, embedding: decay, head: decay } : decay;
  const table: { readonly [role in Role]?: number | undefined } = given;
  const shares = entries.map(({ variable, gradient }) => {
    if (gradient === null || exclude.includes(variable.role)) return 0;
    const { rate, factor } = node.rateOf(variable, at);
    const per = {
      'learning-rate': rate,
      independent: factor,
      'learning-rate-squared': rate * rate,
    };
    return per[coupling] * (table[variable.role] ?? PAPER[variable.role]) * variable.rates.decay;
  });
  if (!cautious) {
    entries.forEach(({ variable }, i) => {
      variable.w = scale(variable.w, 1 - (shares[i] as number));
    });
    node.update(entries, at);
    return;
  }
  const old = entries.map(({ variable }) => [...variable.w]);
  node.update(entries, at);
  entries.forEach(({ variable }, i) => {
    variable.w = variable.w.map((w, k) => {
      const before = (old[i] as number[])[k] as number;
      return (w - before) * before < 0 ? w - (shares[i] as number) * before : w;
    });
  });
}

function updating(leaf: Leaf): Node {
  let steps = 0;
  return {
    rateOf: ({ rates }, { factor }) => ({ rate: leaf.rate * factor * rates.learningRate, factor }),
    update(entries, { factor }) {
      steps += 1;
      for (const { variable, gradient } of entries) {
        if (gradient === null) continue;
        variable.steps += 1;
        const t = leaf.kind === 'adam' ? variable.steps : steps;
        const by = variable.rates.learningRate;
        variable.w = variable.w.map(
          (w, i) => w - by * step(leaf, leaf.rate * factor, variable, gradient[i] as number, i, t),
        );
      }
    },
  };
}

function step(leaf: Leaf, rate: number, variable: Variable, g: number, i: number, t: number) {
  const { m, v, mean } = variable;
  const average = (of: number[], share: number, x: number): number => {
    of[i] = share * (of[i] as number) + (1 - share) * x;
    return of[i] as number;
  };
  if (leaf.kind === 'sgd') return rate * g;
  if (leaf.kind === 'momentum') {
    m[i] = leaf.momentum * (m[i] as number) + g;
    return rate * (leaf.nesterov ? g + leaf.momentum * m[i] : m[i]);
  }
  if (leaf.kind === 'rmsprop') {
    const square = average(v, leaf.decay, g * g);
    const root = leaf.centered
      ? Math.sqrt(square - (average(mean, leaf.decay, g) ** 2 + leaf.epsilon))
      : Math.sqrt(square + leaf.epsilon);
    // The rate goes into the momentum, so a later rate does not change what was gathered.
    m[i] = leaf.momentum * (m[i] as number) + (rate * g) / root;
    return m[i];
  }
  const first = average(m, leaf.beta1, g) / (1 - leaf.beta1 ** t);
  const second = average(v, leaf.beta2, g * g) / (1 - leaf.beta2 ** t);
  return (rate * first) / (Math.sqrt(second) + leaf.epsilon);
}

export class Reference {
  readonly variables: readonly Variable[];
  readonly #root: Node;
  #step = 0;

  constructor(
    stack: Stack,
    starts: readonly {
      role: Role;
      shape: readonly number[];
      w: readonly number[];
      rates?: Rates | undefined;
    }[],
  ) {
    this.#root = nodeOf(stack);
    this.variables = starts.map(({ role, shape, w, rates = { learningRate: 1, decay: 1 } }) => {
      const zeros = (): number[] => w.map(() => 0);
      return { role, rates, shape, w: [...w], steps: 0, m: zeros(), v: zeros(), mean: zeros() };
    });
  }

  step(gradients: readonly (number[] | null)[]): void {
    const entries = this.variables.map((variable, i) => ({
      variable,
      gradient: gradients[i] ?? null,
    }));
    this.#root.update(entries, { step: this.#step, factor: 1 });
    this.#step += 1;
  }
}
