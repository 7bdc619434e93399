/** Random stacks of adapters and groups, over random variables and gradients, against plain loops in float64. */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Reference } from '../../../test/reference.ts';
import { built, kindsOf, numbersOf, type Scene, scene, variablesOf } from '../../../test/stacks.ts';
import { expectClose, step, values } from '../../../test/tensors.ts';

/** The stack's weights and the loops' after every step of the scene. */
function follow(given: Scene): void {
  const { starts, gradients } = numbersOf(given);
  const targets = variablesOf(given, starts);
  const optimizer = built(given.stack);
  const reference = new Reference(
    given.stack,
    given.variables.map((v, i) => ({ ...v, w: starts[i] as number[] })),
  );
  // The largest number that each variable has held: what rounding is relative to.
  const largest = starts.map((w) => Math.max(...w.map(Math.abs)));
  gradients.forEach((here, at) => {
    step(
      optimizer,
      // Absent altogether in even steps, null entries in odd ones: both forms occur in tfjs.
      targets.flatMap((v, i) => (here[i] === null && at % 2 === 0 ? [] : [[v, here[i]!] as const])),
    );
    reference.step(here);
    targets.forEach((target, i) => {
      const { w } = reference.variables[i] as { w: number[] };
      largest[i] = Math.max(largest[i] as number, ...w.map(Math.abs));
      expectClose(values(target), w, 1e-5, 0.1 * (largest[i] as number));
    });
  });
  optimizer.dispose();
  tf.dispose(targets);
}

eachBackend(() => {
  test('200 random stacks follow the loops', () => {
    const seen = new Set<string>();
    const before = tf.memory().numTensors;
    fc.assert(
      fc.property(scene, (given) => {
        for (const kind of kindsOf(given.stack)) seen.add(kind);
        follow(given);
      }),
      { numRuns: 200, seed: 20 },
    );
    expect(tf.memory().numTensors).toBe(before);
    expect([...seen].sort()).toEqual([
      'adam',
      'by role',
      'clip',
      'decay',
      'momentum',
      'rmsprop',
      'schedule',
      'sgd',
      'tfjs adam',
    ]);
  });
});
