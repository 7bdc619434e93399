/** How long a gradient takes, compared with its forward pass. */
import * as tf from '@tensorflow/tfjs-core';
import { cpuMs } from '@tfjs-lrm/shared';
import { type Share, sharesOfKernels } from './profile.ts';
import type { Workload } from './workloads.ts';

export interface Ratio {
  readonly name: string;
  /** CPU time of the gradient over that of the forward pass, or over that of a sum where that is more. */
  readonly ratio: number;
  /** Where the time of both goes, the longest first. */
  readonly shares: readonly Share[];
}

const ROUNDS = { least: 5, most: 25 };
/** Rounds end when none of the last so many was faster by more than this. */
const SETTLED = { rounds: 4, change: 0.02 };
/** What a sample takes at least. */
const SAMPLE_MS = 10;
/** What all samples of a gradient may take, beyond the least number of rounds. */
const BUDGET_MS = 4000;

function timeOf(run: () => void): number {
  const before = cpuMs();
  run();
  return cpuMs() - before;
}

/**
 * The least CPU time of one run of each, of interleaved rounds: other processes share caches and cores and only add to
 * it, so that the least changes little with the load of the machine.
 */
function leastTimes(runs: readonly (() => void)[]): number[] {
  const counts = runs.map((run) => {
    run();
    return Math.max(1, Math.ceil(SAMPLE_MS / Math.max(timeOf(run), 0.01)));
  });
  const least = runs.map(() => Number.POSITIVE_INFINITY);
  let [spent, settled] = [0, 0];
  for (let round = 0; round < ROUNDS.most; round++) {
    settled++;
    for (const [i, run] of runs.entries()) {
      const count = counts[i]!;
      const time = timeOf(() => {
        for (let n = 0; n < count; n++) run();
      });
      spent += time;
      if (time / count < least[i]! * (1 - SETTLED.change)) settled = 0;
      least[i] = Math.min(least[i]!, time / count);
    }
    const isEnough = settled >= SETTLED.rounds || spent > BUDGET_MS;
    if (round + 1 >= ROUNDS.least && isEnough) break;
  }
  return least;
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
  const both = tidied(() => all(trained, dy));
  // What writes nothing, as a reshape, is compared with a sum of what its gradient has to write.
  const [largest] = [...trained, dy].toSorted((a, b) => b.size - a.size);
  const [once, twice, sum] = leastTimes([
    tidied(forward),
    both,
    tidied(() => tf.add(largest!, largest!)),
  ]) as [number, number, number];
  const shares = sharesOfKernels(both);
  tf.dispose([...tensors, dy]);
  return { name, ratio: (twice - once) / Math.max(once, sum), shares };
}
