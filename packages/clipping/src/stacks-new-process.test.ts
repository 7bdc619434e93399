/** Random stacks of adapters and groups, saved between two steps and continued by another process. */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import { deserializeOptimizer, serializeOptimizer } from '@tfjs-lrm/core/kit';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { build, inNewProcess } from '../../../test/process.ts';
import { built, numbersOf, STEPS, scene, variablesOf } from '../../../test/stacks.ts';
import { step, values } from '../../../test/tensors.ts';

const PACKAGES = ['core/kit', 'adam', 'weight-decay', 'schedule', 'clipping'];

interface NamedArray {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: tf.DataType;
  readonly data: number[];
}

interface Saved {
  readonly optimizer: unknown;
  readonly state: NamedArray[];
  readonly variables: NamedArray[];
  readonly gradients: (number[] | null)[][];
}

type Ended = Pick<Saved, 'state' | 'variables'>;

const CONTINUE = `
const tensorOf = ({ data, shape, dtype }) => tf.tensor(data, shape, dtype);
const arrayOf = ({ name, tensor }) =>
  ({ name, shape: tensor.shape, dtype: tensor.dtype, data: Array.from(tensor.dataSync()) });
const ended = [];
for (const saved of input) {
  const variables = saved.variables.map((array) => tf.variable(tensorOf(array), true, array.name));
  const optimizer = packages['core/kit'].deserializeOptimizer('test', saved.optimizer);
  await optimizer.setWeights(
    saved.state.map((array) => ({ name: array.name, tensor: tensorOf(array) })),
  );
  for (const gradients of saved.gradients) {
    optimizer.applyGradients(variables.map(({ name, shape }, i) =>
      ({ name, tensor: gradients[i] === null ? null : tf.tensor(gradients[i], shape) })));
  }
  ended.push({
    state: (await optimizer.getWeights()).map(arrayOf),
    variables: variables.map((variable) => arrayOf({ name: variable.name, tensor: variable })),
  });
}
console.log(JSON.stringify(ended));
`;

function arrayOf({ name, tensor }: { name: string; tensor: tf.Tensor }): NamedArray {
  return { name, shape: tensor.shape, dtype: tensor.dtype, data: values(tensor) };
}

async function here(optimizer: tf.Optimizer, variables: readonly tf.Variable[]): Promise<Ended> {
  const state = (await optimizer.getWeights()).map(arrayOf);
  return { state, variables: variables.map((v) => arrayOf({ name: v.name, tensor: v })) };
}

function steps(optimizer: tf.Optimizer, variables: tf.Variable[], given: Saved['gradients']): void {
  for (const gradients of given) {
    step(
      optimizer,
      variables.map((v, i) => [v, gradients[i] as number[] | null]),
    );
  }
}

onCpu(() => {
  beforeAll(() => build(PACKAGES));

  test('20 random stacks continue in a new process bit for bit, state and all', async () => {
    const saved: Saved[] = [];
    const uninterrupted: Ended[] = [];
    let forgetful = 0;
    for (const [i, given] of fc.sample(scene, { numRuns: 20, seed: 30 }).entries()) {
      const { starts, gradients } = numbersOf(given);
      const variables = variablesOf(given, starts);
      const optimizer = built(given.stack) as TensorOptimizer;
      const at = 1 + (i % (STEPS - 1));
      steps(optimizer, variables, gradients.slice(0, at));
      const rest = gradients.slice(at);
      const then = await here(optimizer, variables);
      saved.push({ optimizer: serializeOptimizer(optimizer), ...then, gradients: rest });
      steps(optimizer, variables, rest);
      const end = await here(optimizer, variables);
      uninterrupted.push(end);
      // Without its state the optimizer would end elsewhere.
      variables.forEach((v, k) => {
        const { data, shape } = then.variables[k] as NamedArray;
        tf.tidy(() => v.assign(tf.tensor(data, shape)));
      });
      steps(deserializeOptimizer('test', serializeOptimizer(optimizer)), variables, rest);
      const ends = variables.map(values);
      if (ends.some((w, k) => w.some((x, e) => x !== end.variables[k]?.data[e]))) forgetful += 1;
    }
    expect(await inNewProcess(PACKAGES, CONTINUE, saved)).toEqual(uninterrupted);
    expect(forgetful).toBeGreaterThan(10);
  });
});
