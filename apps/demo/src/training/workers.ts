/** A run that several processes share: each takes its rows of every batch. */
import * as tf from '@tensorflow/tfjs-core';
import type { Host } from '@tfjs-lrm/language-model';
import { trainingStep } from './step.ts';

export interface Shared {
  readonly host: Host;
  /** Whether this process is the one that reports and saves. */
  readonly isFirst: boolean;
  /** Whether the run is to stop after the step that it is in: the same in all processes. */
  readonly isStopping: () => boolean;
  readonly leave: () => void;
}

/**
 * Joins the other processes, before the first tensor.
 *
 * @param pause called between two steps
 * @param isAsked whether this process has been asked to stop
 */
export async function shareRun(
  pause: () => Promise<void>,
  isAsked: () => boolean,
): Promise<Shared> {
  const { connect, withAllReduce } = await import('@tfjs-lrm/distributed');
  const workers = await connect();
  const { rank, size } = workers;
  let isStopping = false;
  return {
    isFirst: rank === 0,
    isStopping: () => isStopping,
    leave: () => workers.disconnect(),
    host: {
      // All are asked, but not in the same step: they stop when the first of them would.
      async between() {
        await pause();
        const asked = tf.tidy(() => workers.allReduce(tf.scalar(isAsked() ? 1 : 0), 'sum'));
        isStopping = asked.dataSync()[0] !== 0;
        asked.dispose();
      },
      async step(model, optimizer, how) {
        const distributed = withAllReduce(optimizer);
        await workers.broadcastWeights(model, distributed);
        const { take, dispose } = await trainingStep(model, distributed, how);
        const own = (batch: tf.Tensor): tf.Tensor => {
          const rows = (batch.shape[0] as number) / size;
          return tf.slice(batch, rank * rows, rows);
        };
        return {
          take: (x, y) => tf.tidy(() => workers.allReduce(take(own(x), own(y)))),
          dispose,
        };
      },
    },
  };
}
