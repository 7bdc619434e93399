/** Which gradients run more kernels on more elements, where their forward pass does not. */
import * as tf from '@tensorflow/tfjs-core';
import type { Argument, Case, Input } from './case.ts';
import { lossOf } from './evaluate.ts';
import { build } from './graph.ts';

export interface Growth {
  readonly name: string;
  /** What is three times as large. */
  readonly along: string;
  /** Kernels of the gradient before and after. */
  readonly kernels: readonly [before: number, after: number];
}

const FACTOR = 3;

/** A case like this one with something three times as large; only its numbers of kernels mean anything. */
interface Variant {
  readonly along: string;
  readonly subject: Case;
}

function grow(input: Input, axis: number): Input {
  const size = input.shape[axis]!;
  const inner = input.shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  const block = size * inner;
  const values = Array.from({ length: input.values.length * FACTOR }, (_, i) => {
    const outer = Math.floor(i / (block * FACTOR));
    return input.values[outer * block + (i % block)]!;
  });
  return { ...input, shape: input.shape.with(axis, size * FACTOR), values };
}

/** The same argument with each of its numbers, one after the other, three times as large. */
function* grownArguments(argument: Argument): Generator<Argument> {
  if (typeof argument === 'number') yield argument * FACTOR;
  if (!Array.isArray(argument)) return;
  for (const [i, item] of argument.entries())
    for (const grown of grownArguments(item as Argument)) yield argument.with(i, grown);
}

function* variants(subject: Case): Generator<Variant> {
  // Inputs that have the axis grow together: operands of one operation agree along it, or one of them alone fits.
  const data = 'layer' in subject ? subject.data : subject.inputs.length;
  const [first] = subject.inputs;
  for (const [axis, size] of first?.shape.entries() ?? []) {
    const inputs = subject.inputs.map((input, i) =>
      i < data && input.shape[axis] === size ? grow(input, axis) : input,
    );
    yield { along: `axis ${axis}`, subject: { ...subject, inputs } };
    const alone = subject.inputs.with(0, inputs[0]!);
    yield { along: `axis ${axis}`, subject: { ...subject, inputs: alone } };
  }
  if (!('call' in subject)) return;
  for (const args of grownArguments(subject.args as Argument)) {
    const along = JSON.stringify(args);
    yield { along, subject: { ...subject, args: args as readonly Argument[] } };
  }
}

interface Count {
  readonly forward: number;
  readonly gradient: number;
}

/** How many kernels the outputs take, and how many more the gradients do; null where tfjs refuses. */
async function countKernels(subject: Case): Promise<Count | null> {
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
  const refused = (): null => null;
  const before = await countKernels(subject).catch(refused);
  if (before === null) return null;
  for (const { along, subject: larger } of variants(subject)) {
    const after = await countKernels(larger).catch(refused);
    if (after === null) continue;
    const kernels = [before.gradient, after.gradient] as const;
    // Outputs and time steps that are more take more kernels in both.
    const expected = (before.gradient * after.forward) / before.forward;
    if (after.gradient > Math.max(1.2 * expected, before.gradient + 2))
      return { name: subject.name, along, kernels };
  }
  return null;
}
