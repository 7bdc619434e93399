/** Attention and the state-space model as their definitions say, in loops over plain numbers of float64. */

type Numbers = ArrayLike<number>;

export interface AttentionSizes {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly width: number;
  readonly valueWidth: number;
  readonly rotary: 'halves' | 'neighbours' | 'none';
  readonly window: number;
}

/** The score of two heads, of which the one is `distance` steps after the other: only that counts for rotations. */
function score(
  q: number[],
  k: number[],
  distance: number,
  rotary: AttentionSizes['rotary'],
): number {
  const width = q.length;
  if (rotary === 'none') return q.reduce((sum, x, i) => sum + x * k[i]!, 0) / Math.sqrt(width);
  let sum = 0;
  for (let i = 0; i < width / 2; i++) {
    const [a, b] = rotary === 'halves' ? [i, i + width / 2] : [2 * i, 2 * i + 1];
    const angle = distance * 10_000 ** ((-2 * i) / width);
    // Re(q · conj(k) · e^(i·angle))
    const real = q[a]! * k[a]! + q[b]! * k[b]!;
    const imaginary = q[b]! * k[a]! - q[a]! * k[b]!;
    sum += real * Math.cos(angle) - imaginary * Math.sin(angle);
  }
  return sum / Math.sqrt(width);
}

export function attentionByDefinition(
  [query, key, value]: readonly [Numbers, Numbers, Numbers],
  sizes: AttentionSizes,
): number[] {
  const { batch, time, heads, keyHeads, width, valueWidth, rotary, window } = sizes;
  const head = (
    x: Numbers,
    count: number,
    size: number,
    b: number,
    t: number,
    h: number,
  ): number[] =>
    Array.from({ length: size }, (_, i) => x[((b * time + t) * count + h) * size + i]!);
  const out: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < time; t++) {
      for (let h = 0; h < heads; h++) {
        const shared = Math.floor(h / (heads / keyHeads));
        const q = head(query, heads, width, b, t, h);
        const seen = Array.from({ length: t + 1 }, (_, s) => s).filter((s) => t - s < window);
        const scores = seen.map((s) =>
          score(q, head(key, keyHeads, width, b, s, shared), t - s, rotary),
        );
        const weights = scores.map((x) => Math.exp(x - Math.max(...scores)));
        const total = weights.reduce((x, y) => x + y);
        for (let i = 0; i < valueWidth; i++) {
          const terms = seen.map(
            (s, at) => weights[at]! * head(value, keyHeads, valueWidth, b, s, shared)[i]!,
          );
          out.push(terms.reduce((x, y) => x + y) / total);
        }
      }
    }
  }
  return out;
}

export interface StateSpaceSizes {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
  readonly state: number;
}

/** h ← exp(a)·h + dt·x ⊗ B, y = h·C + d·x, step by step. */
export function recurrence(
  [x, dt, a, b, c, d]: readonly [Numbers, Numbers, Numbers, Numbers, Numbers, Numbers],
  { batch, time, heads, groups, width, state }: StateSpaceSizes,
): number[] {
  const out = new Array<number>(batch * time * heads * width);
  for (let row = 0; row < batch; row++) {
    for (let h = 0; h < heads; h++) {
      const g = Math.floor(h / (heads / groups));
      for (let i = 0; i < width; i++) {
        const memory = new Array<number>(state).fill(0);
        for (let t = 0; t < time; t++) {
          const step = row * time + t;
          const at = (step * heads + h) * width + i;
          let y = d[h]! * x[at]!;
          for (let n = 0; n < state; n++) {
            const enters = dt[step * heads + h]! * x[at]! * b[(step * groups + g) * state + n]!;
            memory[n] = Math.exp(a[step * heads + h]!) * memory[n]! + enters;
            y += memory[n]! * c[(step * groups + g) * state + n]!;
          }
          out[at] = y;
        }
      }
    }
  }
  return out;
}
