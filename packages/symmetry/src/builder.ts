import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Kernel } from '@tfjs-lrm/core/kit';
import { inOrder, type Operation, type Wire } from './circuit.ts';

type Optional<T> = T | null | undefined;

/** Collects operations; each method returns the wire that its operation writes. */
export class Builder {
  readonly operations: Operation[] = [];

  /** y = x · W; x is null for an embedding. */
  matmul({ kernel, axes }: Kernel, x: Wire | null, shifts = true): Wire {
    const rank = kernel.shape.length;
    const [input, output] = [rank + (axes.column[0] as number), rank + (axes.row[0] as number)];
    const y = { size: kernel.shape[output] as number };
    this.operations.push({ type: 'matmul', kernel, input, output, x, y, shifts });
    return y;
  }

  bias(vector: Optional<LayerVariable>, x: Wire): Wire {
    if (vector == null) return x;
    const y = { size: x.size };
    this.operations.push({ type: 'bias', vector, x, y });
    return y;
  }

  gain(
    vector: Optional<LayerVariable>,
    x: Wire,
    {
      axes = [0],
      from = inOrder(x.size),
      shifts = true,
    }: { axes?: readonly number[]; from?: readonly number[]; shifts?: boolean } = {},
  ): Wire {
    if (vector == null) return x;
    const y = { size: from.length };
    this.operations.push({ type: 'gain', vector, axes, from, x, y, shifts });
    return y;
  }

  map(
    how: 'linear' | 'homogeneous',
    x: Wire,
    {
      from = inOrder(x.size),
      shifts = how === 'linear',
    }: { from?: readonly number[]; shifts?: boolean } = {},
  ): Wire {
    const y = { size: from.length };
    this.operations.push({ type: 'map', how, from, x, y, shifts });
    return y;
  }

  /** An activation by its name. Other than linear, relu and softmax, it fixes what it reads and writes. */
  activation(name: string | undefined, x: Wire): Wire {
    if (name === undefined || name === 'linear') return x;
    if (name === 'relu') return this.map('homogeneous', x);
    if (name !== 'softmax' && name !== 'logSoftmax') return this.opaque([x], x.size);
    const y = { size: x.size };
    if (name === 'softmax') this.operations.push({ type: 'softmax', x, y });
    else this.fix(x, true);
    return y;
  }

  combine(
    xs: readonly Wire[],
    by: 'sum' | 'mean' | 'choice' = 'sum',
    how: 'linear' | 'homogeneous' = 'linear',
  ): Wire {
    const y = { size: (xs[0] as Wire).size };
    if (xs.some(({ size }) => size !== y.size)) return this.opaque(xs, y.size);
    this.operations.push({ type: 'combine', by, how, xs, y });
    return y;
  }

  concatenate(xs: readonly Wire[]): Wire {
    const y = { size: xs.reduce((sum, { size }) => sum + size, 0) };
    this.operations.push({ type: 'concatenate', xs, y });
    return y;
  }

  product(xs: readonly Wire[]): Wire {
    const y = { size: (xs[0] as Wire).size };
    if (xs.some(({ size }) => size !== y.size)) return this.opaque(xs, y.size);
    this.operations.push({ type: 'product', xs, y });
    return y;
  }

  normalise(
    x: Wire,
    over: 'channels' | 'positions',
    centred = false,
    statistics: { mean: LayerVariable; variance: LayerVariable } | null = null,
  ): Wire {
    const y = { size: x.size };
    this.operations.push({ type: 'normalise', x, y, over, centred, statistics });
    return y;
  }

  fix(x: Wire, centred = false): void {
    this.operations.push({ type: 'fix', x, centred });
  }

  /** A fixed wire, computed from inputs that must stay as they are. */
  opaque(xs: readonly Wire[], size: number): Wire {
    for (const x of xs) this.fix(x);
    return { size };
  }
}
