/** Which gradients run more kernels on more elements, where their forward pass does not. */
import * as tf from '@tensorflow/tfjs-core';
import type { Argument, Case, Input } from './case.ts';
import { lossOf } from './evaluate.ts';
import { build } from './graph.ts';

export interface Growth {
  readonly name: string;
  /** What is doubled. */
  readonly along: string;
  /** Kernels of the gradient where it is 2, 4 and 8 times as large. */
  readonly kernels: readonly number[];
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
  readonly forward: number;
  readonly gradient: number;
}

/** How many kernels the outputs take, and how many more the gradients do. Throws where tfjs does. */
async function countKernels(subject: Case): Promise<Count> {
  const numberOf = async (run: () => tf.TensorContainer): Promise<number> => {
    const { kernels } = await tf.profile(() => tf.tidy(run) as tf.TensorContainer);
    return kernels.length;
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
    return { forward, gradient: all - forward };
  } finally {
    dispose();
  }
}

export async function growthOf(subject: Case): Promise<Growth | null> {
  for (const { along, subjects } of variants(subject)) {
    const counts: Count[] = [];
    for (const larger of subjects) {
      const count = await countKernels(larger).catch(() => null);
      if (count !== null) counts.push(count);
    }
    const [two, four, eight] = counts;
    if (two === undefined || four === undefined || eight === undefined) continue;
    // Outputs and time steps that are more take more kernels in both.
    const expected = (four.gradient * eight.forward) / four.forward;
    // What takes a few more with each doubling is a logarithm, which is what a scan takes.
    const [first, second] = [four.gradient - two.gradient, eight.gradient - four.gradient];
    if (first > 0 && second > 1.5 * first && eight.gradient > 1.2 * expected)
      return { name: subject.name, along, kernels: counts.map(({ gradient }) => gradient) };
  }
  return null;
}
