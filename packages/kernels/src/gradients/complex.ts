import {
  Add,
  abs,
  add,
  Complex,
  ComplexAbs,
  Concat,
  clone,
  complex,
  type DataType,
  divNoNan,
  ExpandDims,
  engine,
  FFT,
  type GradConfig,
  Identity,
  IFFT,
  Imag,
  imag,
  Multiply,
  mul,
  Pack,
  Real,
  Reshape,
  real,
  Sub,
  spectral,
  square,
  sub,
  type Tensor,
  type Tensor1D,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { sumTo } from './broadcast.ts';
import type { Example, Gradient } from './gradient.ts';
import { fromShapes } from './shapes.ts';

/** Whether a gradient is that of a complex tensor z: ∂L/∂(real z) + i·∂L/∂(imag z). */
const isComplex = (dy: Tensor | Tensor[]): dy is Tensor =>
  !Array.isArray(dy) && dy.dtype === 'complex64';

/**
 * A complex gradient that the tape of tfjs accepts. The tape adds up and passes on gradients of any dtype, but refuses
 * those that are not of float32 as soon as it has computed them: so this one says float32 when it is asked first.
 */
function complexGradient(realPart: Tensor, imagPart: Tensor): Tensor {
  const gradient = complex(realPart, imagPart);
  const { dtype } = gradient;
  return Object.defineProperty(gradient, 'dtype', {
    configurable: true,
    get() {
      Object.defineProperty(gradient, 'dtype', { value: dtype, writable: true, enumerable: true });
      return 'float32';
    },
  });
}

/** The same linear operation on both parts. */
const onParts = (z: Tensor, f: (part: Tensor) => Tensor): Tensor =>
  complexGradient(f(real(z)), f(imag(z)));

/** The gradient of a real or complex tensor, given that of the same tensor cast to the other. */
export function ofDtype(dy: Tensor, dtype: DataType | undefined): Tensor {
  if (isComplex(dy)) return dtype === 'complex64' ? onParts(dy, (part) => part) : real(dy);
  return dtype === 'complex64' ? complexGradient(dy, zerosLike(dy)) : clone(dy);
}

/**
 * Lets outer gradients through the copies that tfjs saves of complex tensors: its gradient of a copy is a cast to
 * float32, which drops the imaginary part.
 */
function connectCopies(copies: readonly Tensor[]): void {
  const { state } = engine();
  if (state.gradientDepth === 0) return;
  for (const node of state.activeTape)
    if (copies.includes(node.outputs[0]!))
      node.gradient = ([dy]) => ({ x: () => onParts(dy!, (part) => part) });
}

const unary = (kernelName: string, derivative: (dy: Tensor) => Tensor): GradConfig => ({
  kernelName,
  gradFunc: (dy) => ({ input: () => derivative(dy as Tensor) }),
});

const scale = (z: Tensor, factor: number): Tensor => onParts(z, (part) => mul(part, factor));

const ofComplexOperations: readonly GradConfig[] = [
  {
    kernelName: Complex,
    gradFunc: (dy) => ({ real: () => real(dy as Tensor), imag: () => imag(dy as Tensor) }),
  },
  unary(Real, (dy) => complexGradient(dy, zerosLike(dy))),
  unary(Imag, (dy) => complexGradient(zerosLike(dy), dy)),
  // The matrix F of the transform is symmetric, and its inverse is its conjugate divided by n.
  unary(FFT, (dy) => scale(spectral.ifft(dy), dy.shape.at(-1)!)),
  unary(IFFT, (dy) => scale(spectral.fft(dy), 1 / dy.shape.at(-1)!)),
  {
    kernelName: ComplexAbs,
    inputsToSave: ['x'],
    // z/|z|, and 0 at 0.
    gradFunc: (dy, saved) => ({
      x: () => {
        connectCopies(saved);
        const [z] = saved as [Tensor];
        const length = abs(z);
        return onParts(z, (part) => mul(dy as Tensor, divNoNan(part, length)));
      },
    }),
  },
];

/** Of operations that treat both parts alike, the gradient from tfjs, applied to one part after the other. */
const byParts = (stock: GradConfig): GradConfig => ({
  ...stock,
  gradFunc: (dy, saved, attrs) => {
    if (!isComplex(dy)) return stock.gradFunc(dy, saved, attrs);
    const ofReal = stock.gradFunc(real(dy), saved, attrs);
    const ofImag = stock.gradFunc(imag(dy), saved, attrs);
    return Object.fromEntries(
      Object.keys(ofReal).map((name) => [
        name,
        () => complexGradient(ofReal[name]!(), ofImag[name]!()),
      ]),
    );
  },
});

/** Which need no more than shapes for it. */
const OF_SHAPES = [Add, ExpandDims, Reshape, Sub];
const OF_VALUES = [Concat, Identity, Pack];

/** Each factor gets the gradient times the conjugate of the other. */
const product = (stock: GradConfig): GradConfig => ({
  ...stock,
  gradFunc: (dy, saved, attrs) => {
    if (!isComplex(dy)) return stock.gradFunc(dy, saved, attrs);
    const [a, b] = saved as [Tensor, Tensor];
    const timesConjugate = (other: Tensor, shape: number[]) => (): Tensor => {
      connectCopies(saved);
      const [x, y, u, v] = [real(dy), imag(dy), real(other), imag(other)];
      return complexGradient(
        sumTo(add(mul(x, u), mul(y, v)), shape),
        sumTo(sub(mul(y, u), mul(x, v)), shape),
      );
    };
    return { a: timesConjugate(b, a.shape), b: timesConjugate(a, b.shape) };
  },
});

/** |x + x·i|² = 2·x². */
const EXAMPLE: Example = {
  of: (x: Tensor1D) => square(abs(complex(x, x))),
  at: [1, 2],
  expected: [4, 8],
};

/** Gradients through complex numbers, from real inputs to a real loss: tfjs has none. */
export const complexGradients: readonly Gradient[] = [
  ...ofComplexOperations.map((gradient) => ({ gradient, example: EXAMPLE })),
  ...OF_SHAPES.map((kernelName) => ({
    kernelName,
    create: (stock: GradConfig) => byParts(fromShapes(stock)),
    example: EXAMPLE,
  })),
  ...OF_VALUES.map((kernelName) => ({ kernelName, create: byParts, example: EXAMPLE })),
  { kernelName: Multiply, create: product, example: EXAMPLE },
];
