import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { centredWeights } from './centrings.ts';
import { type Circuit, type Operation, type Wire, Wiring } from './circuit.ts';
import { translationsOf } from './translations.ts';
import { unseenOf } from './unseen.ts';

type Matmul = Extract<Operation, { type: 'matmul' }>;

const triangle = (n: number): number => (n * (n - 1)) / 2;

/**
 * The number of directions in which invertible matrices move `size` channels that `rows` independent vectors write and
 * `columns` read. A matrix that differs from the identity only where nothing writes and nothing reads moves no weight.
 */
export function mixingDimension(size: number, rows: number, columns: number): number {
  return size ** 2 - Math.max(0, size - rows) * Math.max(0, size - columns);
}

/** The same for rotations, which move both sides alike. */
export function rotationDimension(size: number, vectors: number): number {
  return triangle(size) - triangle(Math.max(0, size - vectors));
}

/**
 * Counts the independent vectors by which weights write and read channels, so that no direction is counted in two
 * symmetries. It leaves out directions that a translation covers, and counts no more than reach a kernel through the
 * linear layers before it. When in doubt it counts fewer.
 */
export class Vectors {
  readonly #matmuls = new Map<LayerVariable, Matmul[]>();
  readonly #wiring: Wiring;
  readonly #centred: ReadonlyMap<LayerVariable, number>;
  readonly #shifted = new Set<LayerVariable>();
  readonly #unseen: ReadonlySet<LayerVariable>;
  readonly #reach = new Map<Wire, number>();

  constructor(circuit: Circuit) {
    this.#wiring = new Wiring(circuit);
    this.#centred = centredWeights(circuit);
    this.#unseen = new Set(unseenOf(circuit).map(({ reader }) => reader.kernel.kernel));
    const { shifts } = translationsOf(circuit);
    for (const [weight, elements] of shifts.weights())
      if (elements.some((element) => shifts.resolve(element).size > 0)) this.#shifted.add(weight);
    for (const operation of circuit.operations)
      if (operation.type === 'matmul')
        this.#matmuls.set(operation.kernel, [
          ...(this.#matmuls.get(operation.kernel) ?? []),
          operation,
        ]);
  }

  /** The number of vectors of a weight along the given axes. */
  count(weight: LayerVariable, axes: readonly number[]): number {
    const others = weight.shape.reduce<number>(
      (size, n, axis) => (axes.includes(axis) ? size : size * (n as number)),
      1,
    );
    const uses = this.#matmuls.get(weight);
    if (uses === undefined) return this.#shifted.has(weight) ? 0 : others;
    const [{ input, output }] = uses as [Matmul];
    if (axes[0] === input) {
      const outputs = weight.shape[output] as number;
      return (others / outputs) * (outputs - (this.#centred.has(weight) ? 1 : 0));
    }
    return Math.min(...uses.map((use) => this.#rowsOf(use)));
  }

  /** The number of vectors of a kernel that write channels, in one of its uses. */
  #rowsOf({ kernel, input, output, x }: Matmul): number {
    const inputs = kernel.shape[input] as number;
    if (x === null) return inputs - (this.#shifted.has(kernel) ? 1 : 0);
    const size = kernel.shape.reduce<number>((product, n) => product * (n as number), 1);
    const positions = size / inputs / (kernel.shape[output] as number);
    return positions * Math.max(0, this.#reachOf(x) - (this.#unseen.has(kernel) ? 1 : 0));
  }

  /** The number of channels of a wire that move independently under the matrices before it. */
  #reachOf(wire: Wire): number {
    const reached = this.#reach.get(wire);
    if (reached !== undefined) return reached;
    const reach = Math.min(wire.size, this.#writtenTo(wire));
    this.#reach.set(wire, reach);
    return reach;
  }

  #writtenTo(wire: Wire): number {
    const operation = this.#wiring.writerOf(wire);
    switch (operation?.type) {
      case 'matmul':
        return this.#rowsOf(operation);
      case 'bias':
        return this.#reachOf(operation.x);
      case 'map':
      case 'mix':
        return operation.type === 'map' && operation.how === 'homogeneous'
          ? wire.size
          : Math.floor((this.#reachOf(operation.x) * wire.size) / operation.x.size);
      case 'combine':
      case 'concatenate':
        return operation.type === 'combine' && operation.how === 'homogeneous'
          ? wire.size
          : operation.xs.reduce((sum, x) => sum + this.#reachOf(x), 0);
      default:
        return wire.size;
    }
  }
}
