import { CustomCallback, type LayersModel } from '@tensorflow/tfjs-layers';
import { checkOptions, numberRule } from '@tfjs-lrm/core/kit';
import { type RebalanceOptions, rebalance, rules } from './rebalance.ts';

class RebalanceEvery extends CustomCallback {
  #model: LayersModel | null = null;
  #batches = 0;

  constructor(steps: number, options: RebalanceOptions) {
    super({
      onBatchEnd: async () => {
        this.#batches += 1;
        if (this.#model !== null && this.#batches % steps === 0) rebalance(this.#model, options);
      },
    });
  }

  override setModel(model: Parameters<CustomCallback['setModel']>[0]): void {
    this.#model = model as unknown as LayersModel;
  }
}

/**
 * A callback for `fit` that rebalances the model, and the moments of its optimizer, every few batches. The count of
 * batches continues across epochs, and when the same callback is used again.
 *
 * @param steps batches between two rebalances, 1 or more; every 100 to 1,000 keeps drift small at little cost
 * @param options those of `rebalance`
 * @throws RangeError for steps that are not a whole number from 1 on, and for wrong options
 * @see arXiv 2601.04890, sec. 4.1
 * @example
 * await model.fit(x, y, { callbacks: rebalanceEvery(100) });
 */
export function rebalanceEvery(steps: number, options: RebalanceOptions = {}): CustomCallback {
  checkOptions(
    'rebalanceEvery',
    { steps },
    { steps: numberRule({ min: 1, integer: true, try: '100' }) },
  );
  checkOptions('rebalanceEvery', options, rules);
  return new RebalanceEvery(steps, options);
}
