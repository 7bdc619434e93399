/** One run of the study: a model trained at a scaled S = √(η/λ), with its scales watched. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { type ScaleRecord, watchScales } from '@tfjs-lrm/diagnostics';
import { muon } from '@tfjs-lrm/muon';
import { warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { randomOf, type Task } from './tasks.ts';

export interface Run {
  readonly task: Task;
  readonly optimizer: 'adam' | 'muon';
  readonly decay: number;
  readonly seed: number;
  /** η is multiplied and λ divided by it, so that S is multiplied and ηλ stays. */
  readonly factor: number;
  readonly steps: number;
}

export interface Trained {
  /** Mean training loss of the last tenth of the steps. */
  readonly loss: number;
  readonly record: ScaleRecord;
}

type Step = (x: tf.Tensor, y: tf.Tensor) => tf.Scalar;
export type Compiler = (step: Step) => { readonly take: Step; readonly dispose: () => void };

export async function train(
  { task, optimizer: name, decay, seed, factor, steps }: Run,
  compiler: Compiler,
): Promise<Trained> {
  const model = task.make(seed);
  const random = randomOf(seed);
  for (const weight of model.trainableWeights) reinitialise(variableOf(weight), random.normal);
  assignRoles(model);
  const warmup = Math.round(steps / 40);
  const learningRate = task.learningRate * factor;
  const inner = name === 'adam' ? adam({ learningRate, beta2: 0.95 }) : muon({ learningRate });
  const optimizer = withSchedule(
    withWeightDecay(inner, { decay: decay / factor }),
    warmupStableDecay({ warmup, stable: steps - warmup, decay: 1, finalFactor: 1 }),
  );
  const variables = model.trainableWeights.map(variableOf);
  const watch = watchScales(model, optimizer, { every: 25 });
  const { take, dispose } = compiler(
    (x, y) =>
      optimizer.minimize(
        () => task.loss(y, model.apply(x, { training: true }) as tf.Tensor),
        true,
        variables,
      ) as tf.Scalar,
  );
  let sum = 0;
  const begin = steps - Math.round(steps / 10);
  for (let step = 0; step < steps; step++) {
    const batch = task.draw(random);
    const [x, y] = [tf.tensor(batch.x, [...task.inputs]), tf.tensor(batch.y, [...task.targets])];
    const loss = take(x, y);
    if (step >= begin) sum += loss.dataSync()[0] as number;
    tf.dispose([x, y, loss]);
    watch.record();
  }
  const record = await watch.read();
  watch.dispose();
  dispose();
  optimizer.dispose();
  model.dispose();
  return { loss: sum / (steps - begin), record };
}

/** Kernels start from the seed: those of tfjs start from a random one. */
function reinitialise(variable: tf.Variable, normal: () => number): void {
  if (variable.rank < 2) return;
  const inputs = variable.size / (variable.shape.at(-1) as number);
  tf.tidy(() => {
    const values = Float32Array.from({ length: variable.size }, () => normal() / Math.sqrt(inputs));
    variable.assign(tf.tensor(values, variable.shape));
  });
}
