import { nearest, type Rule } from '@tfjs-lrm/core/kit';

/** Iterations by name. The README's table shows what each does to singular values. */
export type Preset = 'jordan' | 'quintic' | 'polar-express-5' | 'polar-express-8' | 'hybrid-10';

/** One [a, b, c] for each step of the iteration, which maps every singular value s to a·s + b·s³ + c·s⁵. */
export type Coefficients = readonly (readonly [a: number, b: number, c: number])[];

/** A whole iteration: it scales a matrix to a Frobenius norm of 1 / (1 + safety), then applies the tuples in turn. */
export interface Iteration {
  readonly tuples: Coefficients;
  readonly safety: number;
}

const JORDAN = [3.4445, -4.775, 2.0315] as const;

const PRESETS: Readonly<Record<Preset, Iteration>> = {
  // Keller Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024; github.com/KellerJordan/Muon.
  jordan: { tuples: new Array(5).fill(JORDAN), safety: 0 },
  // Franz Cesista, "Squeezing 1-2% Efficiency Gains Out of Muon by Optimizing the Newton-Schulz Coefficients", 2025
  // (leloykun.github.io/ponder/muon-opt-coeffs), as You Jiacheng took it into modded-nanogpt; also in optax and timm.
  quintic: {
    tuples: [
      [4.0848, -6.8946, 2.927],
      [3.9505, -6.3029, 2.6377],
      [3.7418, -5.5913, 2.3037],
      [2.8769, -3.1427, 1.2046],
      [2.8366, -3.0525, 1.2012],
    ],
    safety: 0,
  },
  // Amsel et al., "The Polar Express", 2025 (arXiv 2505.16932), computed for 5 iterations and inputs with a safety
  // factor of 2e-2 in github.com/KellerJordan/modded-nanogpt, train_gpt.py.
  'polar-express-5': {
    tuples: [
      [8.156554524902461, -22.48329292557795, 15.878769915207462],
      [4.042929935166739, -2.808917465908714, 0.5000178451051316],
      [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
      [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
      [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
    ],
    safety: 2e-2,
  },
  // The same paper's table, with its safety factor of 1.01 divided into all tuples but the last, to 4 decimals as in
  // github.com/NVIDIA-NeMo/Emerging-Optimizers; so the input gets none.
  'polar-express-8': {
    tuples: [
      [8.2051, -22.9019, 16.4607],
      [4.0664, -2.8612, 0.5184],
      [3.9096, -2.8234, 0.525],
      [3.2856, -2.4153, 0.4853],
      [2.2779, -1.6198, 0.3985],
      [1.8726, -1.2307, 0.3585],
      [1.8564, -1.2132, 0.3568],
      [1.875, -1.25, 0.375],
    ],
    safety: 0,
  },
  // DeepSeek-V4, as in github.com/NVIDIA-NeMo/Emerging-Optimizers: Jordan's tuple 8 times, then twice one that
  // converges to 1.
  'hybrid-10': {
    tuples: [...new Array(8).fill(JORDAN), [2, -1.5, 0.5], [2, -1.5, 0.5]],
    safety: 0,
  },
};

const NAMES = Object.keys(PRESETS) as Preset[];

/** The iteration of a preset, or of custom tuples, which get no safety factor. */
export function iterationOf(coefficients: Preset | Coefficients): Iteration {
  return typeof coefficients === 'string'
    ? PRESETS[coefficients]
    : { tuples: coefficients, safety: 0 };
}

const isTuple = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);

/** A rule: a preset's name, or at least one tuple of three finite numbers. */
export const coefficientsRule: Rule = (value) => {
  const isFine =
    typeof value === 'string'
      ? (NAMES as string[]).includes(value)
      : Array.isArray(value) && value.length > 0 && value.every(isTuple);
  if (isFine) return null;
  const named = typeof value === 'string' ? nearest(value, NAMES) : null;
  return {
    must: `be one of ${NAMES.map((name) => `'${name}'`).join(', ')}, or a list of at least one [a, b, c] of finite numbers`,
    try: named === null ? '[[2, -1.5, 0.5]]' : `'${named}'`,
  };
};
