import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type Circuit, type Wire, Wiring } from './circuit.ts';
import { rotationDimension, Vectors } from './dimensions.ts';
import { kernelsReading, type Reader } from './readers.ts';
import type { Symmetry } from './symmetry.ts';

/** A stream whose channels may be rotated: no normalisation of all channels together sees it. */
export interface Rotation extends Symmetry {
  readonly writers: readonly { readonly weight: LayerVariable; readonly axis: number }[];
  readonly readers: readonly Reader[];
  readonly size: number;
  /** Whether the sum of the channels must stay, because a mean over them is subtracted. */
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
    for (const at of wiring.readersOf(wire)) {
      if (at.type === 'bias' || (at.type === 'combine' && at.how === 'linear')) {
        wires.add(at.y);
        continue;
      }
      const normalises = at.type === 'normalise' && at.over === 'channels';
      const kernels = normalises
        ? kernelsReading(at.y, wiring)
        : at.type === 'matmul' && wiring.isFree(at.kernel)
          ? [{ kernel: at, gains: [], biases: [] }]
          : null;
      if (kernels === null) return null;
      readers.push(...kernels);
      if (normalises) centred ||= at.centred;
    }
  }
  return { wires, writers: [...writers], readers, centred };
}

/** The streams between normalisations whose channels may be rotated into each other. */
export function rotationsOf(circuit: Circuit): Rotation[] {
  const wiring = new Wiring(circuit);
  let vectors: Vectors | null = null;
  const seen = new Set<Wire>();
  return circuit.operations.flatMap((at): Rotation[] => {
    if (at.type !== 'normalise' || at.over !== 'channels' || seen.has(at.x)) return [];
    const stream = streamOf(at.x, wiring);
    if (stream === null) return [];
    const { wires, writers, readers, centred } = stream;
    for (const wire of wires) seen.add(wire);
    const size = at.x.size;
    vectors ??= new Vectors(circuit);
    const count = (weight: LayerVariable, axis: number): number =>
      (vectors as Vectors).count(weight, [axis]);
    // Where a mean is subtracted the sum of the channels stays.
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
