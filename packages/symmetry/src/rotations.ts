import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { inputsOf, type Operation, type Wire } from './circuit.ts';
import type { Symmetry } from './symmetry.ts';

type Kernel = Extract<Operation, { type: 'matmul' }>;

/** What reads a normalised stream: a kernel, behind gains and biases. */
export interface StreamReader {
  readonly kernel: Kernel;
  readonly gains: readonly LayerVariable[];
  readonly biases: readonly LayerVariable[];
}

/** A stream whose channels may be rotated: no normalisation of all channels together sees it. */
export interface Rotation extends Symmetry {
  readonly writers: readonly { readonly weight: LayerVariable; readonly axis: number }[];
  readonly readers: readonly StreamReader[];
  readonly size: number;
  /** Whether the sum of the channels must stay, because a mean over them is subtracted. */
  readonly centred: boolean;
}

/** A kernel to whose inputs' weights the same number can be added: the inputs have a sum of zero. */
export interface Unseen extends Symmetry {
  readonly reader: StreamReader;
  /** What takes up the bias of the normalisation, if there is one. */
  readonly absorber: LayerVariable | null;
}

/** Looks up operations by the wires that they read and write. */
class Graph {
  readonly readers = new Map<Wire, Operation[]>();
  readonly writer = new Map<Wire, Operation>();
  readonly #uses = new Map<LayerVariable, number>();

  constructor(operations: readonly Operation[]) {
    for (const at of operations) {
      for (const wire of inputsOf(at)) this.readers.set(wire, [...this.read(wire), at]);
      if ('y' in at) this.writer.set(at.y, at);
      const weight = at.type === 'matmul' ? at.kernel : 'vector' in at ? at.vector : null;
      if (weight !== null) this.#uses.set(weight, (this.#uses.get(weight) ?? 0) + 1);
    }
  }

  read(wire: Wire): readonly Operation[] {
    return this.readers.get(wire) ?? [];
  }

  /** Whether a weight is trained, and used in one place alone. */
  isFree(weight: LayerVariable): boolean {
    return weight.trainable && this.#uses.get(weight) === 1;
  }

  /** The kernels that read a wire behind gains, then biases; null where something else does. */
  linearReaders(
    wire: Wire,
    gains: readonly LayerVariable[] = [],
    biases: readonly LayerVariable[] = [],
  ): StreamReader[] | null {
    const found: StreamReader[] = [];
    for (const at of this.read(wire)) {
      let next: StreamReader[] | null = null;
      if (at.type === 'matmul' && this.isFree(at.kernel)) next = [{ kernel: at, gains, biases }];
      else if (at.type === 'gain' && at.axes.length === 1 && biases.length === 0)
        next = this.linearReaders(at.y, [...gains, at.vector], biases);
      else if (at.type === 'bias' && this.isFree(at.vector))
        next = this.linearReaders(at.y, gains, [...biases, at.vector]);
      if (next === null) return null;
      found.push(...next);
    }
    return found;
  }
}

type Writer = Rotation['writers'][number];

/** The whole stream that a wire belongs to, through sums and biases, or null where it may not be rotated. */
function streamOf(start: Wire, graph: Graph) {
  const [wires, writers, readers] = [new Set([start]), new Set<Writer>(), [] as StreamReader[]];
  let centred = false;
  for (const wire of wires) {
    const from = graph.writer.get(wire);
    if (from === undefined) return null;
    if (from.type === 'matmul' && graph.isFree(from.kernel)) {
      writers.add({ weight: from.kernel, axis: from.output });
    } else if (from.type === 'bias' && graph.isFree(from.vector)) {
      writers.add({ weight: from.vector, axis: 0 });
      wires.add(from.x);
    } else if (from.type === 'add' && from.how === 'linear') {
      for (const x of from.xs) wires.add(x);
    } else return null;
    for (const at of graph.read(wire)) {
      if (at.type === 'bias' || (at.type === 'add' && at.how === 'linear')) {
        wires.add(at.y);
        continue;
      }
      const normalises = at.type === 'normalise' && at.over === 'channels';
      const found = normalises
        ? graph.linearReaders(at.y)
        : at.type === 'matmul' && graph.isFree(at.kernel)
          ? [{ kernel: at, gains: [], biases: [] }]
          : null;
      if (found === null) return null;
      readers.push(...found);
      if (normalises) centred ||= at.centred;
    }
  }
  return { wires, writers: [...writers], readers, centred };
}

/** The streams between normalisations whose channels may be rotated into each other. */
export function rotationsOf(operations: readonly Operation[]): Rotation[] {
  const graph = new Graph(operations);
  const seen = new Set<Wire>();
  return operations.flatMap((at): Rotation[] => {
    if (at.type !== 'normalise' || at.over !== 'channels' || seen.has(at.x)) return [];
    const stream = streamOf(at.x, graph);
    if (stream === null) return [];
    const { wires, writers, readers, centred } = stream;
    for (const wire of wires) seen.add(wire);
    const size = at.x.size;
    const free = centred ? size - 1 : size;
    return [
      {
        kind: 'normalisation',
        group: 'orthogonal',
        dimension: (free * (free - 1)) / 2,
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

/** The kernels that read channels whose mean was subtracted: what is the same for all of them has no effect. */
export function unseenOf(operations: readonly Operation[]): Unseen[] {
  const graph = new Graph(operations);
  return operations.flatMap((at): Unseen[] => {
    if (at.type !== 'normalise' || at.over !== 'channels' || !at.centred) return [];
    return (graph.linearReaders(at.y) ?? []).flatMap((reader): Unseen[] => {
      const { kernel, biases } = reader;
      const [after, ...others] = graph.read(kernel.y);
      const absorbs =
        after?.type === 'bias' &&
        others.length === 0 &&
        kernel.shifts &&
        graph.isFree(after.vector);
      if (biases.length > 0 && !absorbs) return [];
      const absorber = biases.length > 0 && after?.type === 'bias' ? after.vector : null;
      const size = kernel.kernel.shape.reduce<number>((product, n) => product * (n as number), 1);
      return [
        {
          kind: 'translation',
          group: 'translation',
          dimension: size / (kernel.x as Wire).size,
          sides: [
            { variable: kernel.kernel.originalName, axes: [kernel.input], exponent: 0 },
            ...(absorber === null
              ? []
              : [{ variable: absorber.originalName, axes: [0], exponent: 0 }]),
          ],
          reason:
            'its inputs have a sum of zero, so weights that are the same for all have no effect',
          reader,
          absorber,
        },
      ];
    });
  });
}
