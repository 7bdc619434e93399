/**
 * Stacks of adapters around an optimizer as plain loops over arrays, in float64. Imports nothing, so that
 * it can judge the packages.
 */

export type Role = 'matrix' | 'embedding' | 'head' | 'multiplier' | 'vector';

export type Leaf =
  | { kind: 'sgd'; rate: number }
  | { kind: 'momentum'; rate: number; momentum: number; nesterov: boolean }
  | { kind: 'adam'; rate: number; beta1: number; beta2: number; epsilon: number };

export type Adapter =
  | { kind: 'schedule'; factors: readonly number[] }
  | {
      kind: 'decay';
      decay: Readonly<Record<Role, number>>;
      coupling: 'learning-rate' | 'independent' | 'learning-rate-squared';
      cautious: boolean;
    }
  | {
      kind: 'clip';
      globalNorm?: number | undefined;
      perVariableNorm?: number | undefined;
      value?: number | undefined;
      exclude: readonly Role[];
      excluded: 'untouched' | 'own-norm' | 'scaled';
    };

/** Adapters from the outermost inwards, around a leaf. */
export interface Stack {
  readonly adapters: readonly Adapter[];
  readonly leaf: Leaf;
}

type Gradients = readonly (number[] | null)[];

interface Variable {
  readonly role: Role;
  w: number[];
  steps: number;
  m: number[];
  v: number[];
}

const norm = (tensors: readonly (readonly number[])[]): number => Math.hypot(...tensors.flat());
const coefficient = (total: number, most: number): number => Math.min(1, most / (total + 1e-6));
const scale = (tensor: readonly number[], by: number): number[] => tensor.map((x) => x * by);

export class Reference {
  readonly variables: readonly Variable[];
  readonly #stack: Stack;
  #step = 0;

  constructor(stack: Stack, starts: readonly { role: Role; w: readonly number[] }[]) {
    this.#stack = stack;
    this.variables = starts.map(({ role, w }) => ({
      role,
      w: [...w],
      steps: 0,
      m: w.map(() => 0),
      v: w.map(() => 0),
    }));
  }

  step(gradients: Gradients): void {
    this.#apply(0, gradients);
    this.#step += 1;
  }

  /** The product of all schedules, wherever they are. */
  #factor(): number {
    return this.#stack.adapters.reduce((product, adapter) => {
      if (adapter.kind !== 'schedule') return product;
      return product * (adapter.factors[this.#step % adapter.factors.length] as number);
    }, 1);
  }

  #apply(depth: number, gradients: Gradients): void {
    const adapter = this.#stack.adapters[depth];
    if (adapter === undefined) this.#update(gradients);
    else if (adapter.kind === 'schedule') this.#apply(depth + 1, gradients);
    else if (adapter.kind === 'clip') this.#apply(depth + 1, this.#clip(adapter, gradients));
    else this.#decay(adapter, gradients, () => this.#apply(depth + 1, gradients));
  }

  #clip(adapter: Adapter & { kind: 'clip' }, gradients: Gradients): Gradients {
    const { value, perVariableNorm, globalNorm } = adapter;
    const isExcluded = (i: number): boolean =>
      adapter.exclude.includes((this.variables[i] as Variable).role);
    const each = gradients.map((gradient, i) => {
      if (gradient === null || isExcluded(i)) return gradient;
      let g = gradient;
      if (value !== undefined) g = g.map((x) => Math.max(-value, Math.min(value, x)));
      if (perVariableNorm !== undefined) g = scale(g, coefficient(norm([g]), perVariableNorm));
      return g;
    });
    if (globalNorm === undefined) return each;
    const groupNorm = (excluded: boolean): number =>
      norm(each.filter((g, i): g is number[] => g !== null && isExcluded(i) === excluded));
    const by = coefficient(groupNorm(false), globalNorm);
    const byExcluded = {
      untouched: 1,
      scaled: by,
      'own-norm': coefficient(groupNorm(true), globalNorm),
    };
    return each.map((g, i) => g && scale(g, isExcluded(i) ? byExcluded[adapter.excluded] : by));
  }

  #decay(adapter: Adapter & { kind: 'decay' }, gradients: Gradients, inner: () => void): void {
    const factor = this.#factor();
    const rate = this.#stack.leaf.rate * factor;
    const per = {
      'learning-rate': rate,
      independent: factor,
      'learning-rate-squared': rate * rate,
    };
    const shares = this.variables.map(({ role }, i) =>
      gradients[i] === null ? 0 : per[adapter.coupling] * adapter.decay[role],
    );
    const old = this.variables.map(({ w }) => [...w]);
    if (!adapter.cautious) {
      this.variables.forEach((variable, i) => {
        variable.w = scale(variable.w, 1 - (shares[i] as number));
      });
    }
    inner();
    if (!adapter.cautious) return;
    this.variables.forEach((variable, i) => {
      variable.w = variable.w.map((w, at) => {
        const before = (old[i] as number[])[at] as number;
        return (w - before) * before < 0 ? w - (shares[i] as number) * before : w;
      });
    });
  }

  #update(gradients: Gradients): void {
    const { leaf } = this.#stack;
    const rate = leaf.rate * this.#factor();
    this.variables.forEach((variable, i) => {
      const gradient = gradients[i];
      if (gradient === null || gradient === undefined) return;
      variable.steps += 1;
      variable.w = variable.w.map(
        (w, at) => w - rate * direction(leaf, variable, gradient[at] as number, at),
      );
    });
  }
}

function direction(leaf: Leaf, variable: Variable, g: number, at: number): number {
  const { m, v, steps } = variable;
  if (leaf.kind === 'sgd') return g;
  if (leaf.kind === 'momentum') {
    m[at] = leaf.momentum * (m[at] as number) + g;
    return leaf.nesterov ? g + leaf.momentum * m[at] : m[at];
  }
  m[at] = leaf.beta1 * (m[at] as number) + (1 - leaf.beta1) * g;
  v[at] = leaf.beta2 * (v[at] as number) + (1 - leaf.beta2) * g * g;
  const mean = m[at] / (1 - leaf.beta1 ** steps);
  return mean / (Math.sqrt(v[at] / (1 - leaf.beta2 ** steps)) + leaf.epsilon);
}
