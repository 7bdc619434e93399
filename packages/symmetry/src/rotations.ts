import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type Circuit, type Wire, Wiring } from './circuit.ts';
import { rotationDimension, Vectors } from './dimensions.ts';
import { kernelsReading, type Reader } from './readers.ts';
import type { Symmetry } from './symmetry.ts';

/** A stream whose channels may be rotated, because normalisation over all channels is invariant to that. */
export interface Rotation extends Symmetry {
  readonly writers: readonly { readonly weight: LayerVariable; readonly axis: number }[];
  readonly readers: readonly Reader[];
  readonly size: number;
  /** Whether rotations must preserve the sum of the channels, because their mean is subtracted. */
  readonly centred: boolean;
}

type Writer = Rotation['writers'][number];

/** The whole stream that a wire belongs to, through sums and biases, or null where it may not be rotated. */
function streamOf(start: Wire, wiring: Wiring) {
  const [wires, writers, readers] = [new Set([start]), new Set<Writer>(), [] as Reader[]];
  let centred = false;
  for (const wire of wires) {
    const from = wiring.writerOf(wire);
    if (from === undefined) return null;
    if (from.type === 'matmul' && wiring.isFree(from.kernel)) {
      writers.add({ weight: from.kernel, axis: from.output });
    } else if (from.type === 'bias' && wiring.isFree(from.vector)) {
      writers.add({ weight: from.vector, axis: 0 });
      wires.add(from.x);
    } else if (from.type === 'combine' && from.how === 'linear') {
      for (const x of from.xs) wires.add(x);
    } else return null;
    for (const operation of wiring.readersOf(wire)) {
      if (
        operation.type === 'bias' ||
        (operation.type === 'combine' && operation.how === 'linear')
      ) {
        wires.add(operation.y);
        continue;
      }
      const normalises = operation.type === 'normalise' && operation.over === 'channels';
      const kernels = normalises
        ? kernelsReading(operation.y, wiring)
        : operation.type === 'matmul' && wiring.isFree(operation.kernel)
          ? [{ kernel: operation, gains: [], biases: [] }]
          : null;
      if (kernels === null) return null;
      readers.push(...kernels);
      if (normalises) centred ||= operation.centred;
    }
  }
  return { wires, writers: [...writers], readers, centred };
}

/** The rotations of the streams between normalisations. */
export function rotationsOf(circuit: Circuit): Rotation[] {
  const wiring = new Wiring(circuit);
  let vectors: Vectors | null = null;
  const seen = new Set<Wire>();
  return circuit.operations.flatMap((operation): Rotation[] => {
    if (operation.type !== 'normalise' || operation.over !== 'channels' || seen.has(operation.x))
      return [];
    const stream = streamOf(operation.x, wiring);
    if (stream === null) return [];
    const { wires, writers, readers, centred } = stream;
    for (const wire of wires) seen.add(wire);
    const size = operation.x.size;
    vectors ??= new Vectors(circuit);
    const count = (weight: LayerVariable, axis: number): number =>
      (vectors as Vectors).count(weight, [axis]);
    // Where a mean is subtracted, rotations preserve the sum of the channels.
    const free = centred ? size - 1 : size;
    const biases = new Set(readers.flatMap((reader) => reader.biases));
    const moved = [
      ...writers.map(({ weight, axis }) => count(weight, axis)),
      ...readers.map(({ kernel }) => count(kernel.kernel, kernel.input)),
      ...[...biases].map((bias) => count(bias, 0)),
    ];
    return [
      {
        kind: 'normalisation',
        group: 'orthogonal',
        dimension: rotationDimension(
          free,
          moved.reduce((sum, count) => sum + count, 0),
        ),
        sides: [
          ...writers.map(({ weight, axis }) => ({
            variable: weight.originalName,
            axes: [axis],
            exponent: 1,
          })),
          ...readers.flatMap(({ kernel, biases }) => [
            ...biases.map((vector) => ({ variable: vector.originalName, axes: [0], exponent: 1 })),
            { variable: kernel.kernel.originalName, axes: [kernel.input], exponent: -1 },
          ]),
        ],
        reason: 'a rotation of the channels that no normalisation sees, undone by what reads them',
        writers,
        readers,
        size,
        centred,
      },
    ];
  });
}
