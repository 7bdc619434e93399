/** How long a gradient takes, compared with its forward pass. */
import * as tf from '@tensorflow/tfjs-core';
import type { Workload } from './workloads.ts';

export interface Ratio {
  readonly name: string;
  /** CPU time of the gradient over that of the forward pass, or over that of a sum where that is more. */
  readonly ratio: number;
}

const ROUNDS = 5;
/** What a sample takes at least. */
const SAMPLE_MS = 10;

/** CPU time of this process, all its threads, which other processes hardly change. */
function cpuMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Medians of the CPU times of one run of each, in interleaved rounds. */
function medians(runs: readonly (() => void)[]): number[] {
  const counts = runs.map((run) => {
    run();
    return Math.max(1, Math.ceil(SAMPLE_MS / Math.max(cpuMs(run), 0.01)));
  });
  const samples = Array.from({ length: ROUNDS }, () =>
    runs.map((run, i) => {
      const count = counts[i]!;
      const time = cpuMs(() => {
        for (let n = 0; n < count; n++) run();
      });
      return time / count;
    }),
  );
  return runs.map((_, i) => median(samples.map((sample) => sample[i]!)));
}

/** The ratio on the current backend, or null where the backend lacks the operation. */
export function ratioOf(name: string, { inputs, of }: Workload): Ratio | null {
  const tensors = tf.tidy(() => [...inputs()]);
  const trained = tensors.filter(({ dtype }) => dtype === 'float32');
  const forward = (): tf.Tensor => of(...tensors);
  const tidied = (run: () => tf.TensorContainer) => (): void => void tf.dispose(tf.tidy(run));
  let dy: tf.Tensor;
  try {
    dy = tf.tidy(() => tf.ones(forward().shape));
  } catch {
    tf.dispose(tensors);
    return null;
  }
  const all = tf.grads((...xs: tf.Tensor[]) =>
    of(...tensors.map((tensor) => xs[trained.indexOf(tensor)] ?? tensor)),
  );
  // What writes nothing, as a reshape, is compared with a sum of what its gradient has to write.
  const [largest] = [...trained, dy].toSorted((a, b) => b.size - a.size);
  const [once, both, sum] = medians([
    tidied(forward),
    tidied(() => all(trained, dy)),
    tidied(() => tf.add(largest!, largest!)),
  ]) as [number, number, number];
  tf.dispose([...tensors, dy]);
  return { name, ratio: (both - once) / Math.max(once, sum) };
}
