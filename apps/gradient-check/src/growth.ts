/** Which gradients run more kernels, or do more for each element, on more elements, where their forward pass does not. */
import * as tf from '@tensorflow/tfjs-core';
import type { Argument, Case, Input } from './case.ts';
import { lossOf } from './evaluate.ts';
import { build } from './graph.ts';

export interface Growth {
  readonly name: string;
  /** What is doubled. */
  readonly along: string;
  /** Kernels, or work: elements read and written and products of matrices, over those of the forward pass. */
  readonly of: 'kernels' | 'work';
  /** Of the gradient, where what is doubled is 2, 4 and 8 times as large. */
  readonly counts: readonly number[];
}

/** From the first size on: what is nothing at the start, as a dilation of 1, may take kernels of its own once. */
const FACTORS = [2, 4, 8] as const;

/** A case like this one with something larger; only its numbers of kernels mean anything. */
interface Variant {
  readonly along: string;
  readonly subjects: readonly Case[];
}

function grow(input: Input, axis: number, factor: number): Input {
  const size = input.shape[axis]!;
  const inner = input.shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  const block = size * inner;
  const values = Array.from({ length: input.values.length * factor }, (_, i) => {
    const outer = Math.floor(i / (block * factor));
    return input.values[outer * block + (i % block)]!;
  });
  return { ...input, shape: input.shape.with(axis, size * factor), values };
}

/** The same argument with each of its numbers, one after the other, larger. */
function* grownArguments(argument: Argument, factor: number): Generator<Argument> {
  if (typeof argument === 'number') yield argument * factor;
  if (!Array.isArray(argument)) return;
  for (const [i, item] of argument.entries())
    for (const grown of grownArguments(item as Argument, factor)) yield argument.with(i, grown);
}

function* variants(subject: Case): Generator<Variant> {
  // Inputs that have the axis grow together: operands of one operation agree along it, or one of them alone fits.
  const data = 'layer' in subject ? subject.data : subject.inputs.length;
  const [first] = subject.inputs;
  for (const [axis, size] of first?.shape.entries() ?? []) {
    const along = `axis ${axis}`;
    const all = (factor: number): Input[] =>
      subject.inputs.map((input, i) =>
        i < data && input.shape[axis] === size ? grow(input, axis, factor) : input,
      );
    yield { along, subjects: FACTORS.map((factor) => ({ ...subject, inputs: all(factor) })) };
    const alone = (factor: number): Input[] => subject.inputs.with(0, all(factor)[0]!);
    yield { along, subjects: FACTORS.map((factor) => ({ ...subject, inputs: alone(factor) })) };
  }
  if (!('call' in subject)) return;
  const args = subject.args as Argument;
  const grown = FACTORS.map((factor) => [...grownArguments(args, factor)]);
  for (const i of grown[0]!.keys()) {
    const lists = grown.map((each) => each[i] as readonly Argument[]);
    yield {
      along: JSON.stringify(lists[0]),
      subjects: lists.map((changed) => ({ ...subject, args: changed })),
    };
  }
}

interface Count {
  readonly kernels: number;
  readonly work: number;
}

interface Counts {
  readonly forward: Count;
  /** Beyond the forward pass. */
  readonly gradient: Count;
}

type Kernel = Awaited<ReturnType<typeof tf.profile>>['kernels'][number];

/** Elements that are read and written; multiplications where they are more, as in a product of matrices. */
function workOf({ name, inputShapes, outputShapes }: Kernel): number {
  const sizes = (shapes: readonly (number[] | null)[]): number[] =>
    shapes.map((shape) => (shape === null ? 0 : tf.util.sizeFromShape(shape)));
  const elements = [...sizes(inputShapes), ...sizes(outputShapes)].reduce(
    (sum, size) => sum + size,
  );
  if (name !== tf.BatchMatMul) return elements;
  // [m, k] · [k, n] = [m, n], in any order.
  const [a, b, out] = [...inputShapes, ...outputShapes].map((shape) =>
    tf.util.sizeFromShape(shape!.slice(-2)),
  ) as [number, number, number];
  return elements + sizes(outputShapes)[0]! * Math.sqrt((a * b) / out);
}

/** What the outputs take, and what the gradients take more. Throws where tfjs does. */
async function count(subject: Case): Promise<Counts> {
  const numberOf = async (run: () => tf.TensorContainer): Promise<Count> => {
    const { kernels } = await tf.profile(() => tf.tidy(run) as tf.TensorContainer);
    return { kernels: kernels.length, work: kernels.reduce((sum, each) => sum + workOf(each), 0) };
  };
  const { outputs, inputs, dispose } = build(subject);
  const variables = inputs.filter((input) => input instanceof tf.Variable && input.trainable);
  try {
    const forward = await numberOf(() => [lossOf(outputs(), false)]);
    const all = await numberOf(() => {
      const { value, grads } = tf.variableGrads(
        () => lossOf(outputs(), false),
        variables as tf.Variable[],
      );
      return [value, ...Object.values(grads)];
    });
    // A gradient has to write as much as there is, even where the forward pass reads little of it.
    const size = inputs.reduce((sum, input) => sum + input.size, 0);
    return {
      forward: { kernels: forward.kernels, work: forward.work + size },
      gradient: { kernels: all.kernels - forward.kernels, work: all.work - forward.work },
    };
  } finally {
    dispose();
  }
}

export async function growthOf(subject: Case): Promise<Growth | null> {
  for (const { along, subjects } of variants(subject)) {
    const counts: Counts[] = [];
    for (const larger of subjects) {
      const counted = await count(larger).catch(() => null);
      if (counted !== null) counts.push(counted);
    }
    const [two, four, eight] = counts;
    if (two === undefined || four === undefined || eight === undefined) continue;
    const kernels = counts.map(({ gradient }) => gradient.kernels);
    // Outputs and time steps that are more take more kernels in both.
    const expected = (four.gradient.kernels * eight.forward.kernels) / four.forward.kernels;
    if (grows(kernels) && eight.gradient.kernels > 1.2 * expected)
      return { name: subject.name, along, of: 'kernels', counts: kernels };
    const work = counts.map(({ forward, gradient }) => gradient.work / forward.work);
    // A window that is larger does more in both, which the sizes of the tensors do not tell.
    if (along.startsWith('axis') && grows(work) && work[2]! > 1.5 * work[1]!)
      return {
        name: subject.name,
        along,
        of: 'work',
        counts: work.map((each) => Number(each.toPrecision(2))),
      };
  }
  return null;
}

/** What takes a few more with each doubling is a logarithm, which is what a scan takes. */
function grows(counts: readonly number[]): boolean {
  const [two, four, eight] = counts as [number, number, number];
  const [first, second] = [four - two, eight - four];
  return first > 0 && second > 1.5 * first;
}
