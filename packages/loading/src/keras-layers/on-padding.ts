import * as tf from '@tensorflow/tfjs-core';
import { layers, RNN } from '@tensorflow/tfjs-layers';
import { KerasGRU } from './gru-cell.ts';
import type { Config } from './options.ts';

type Inputs = tf.Tensor | tf.Tensor[];
interface Kwargs {
  readonly mask?: Inputs | null | undefined;
}

interface Recurrent extends RNN {
  call(inputs: Inputs, kwargs: object): Inputs;
}

type RecurrentClass = (new (config: object) => Recurrent) & Pick<typeof RNN, 'fromConfig'>;

/**
 * What a recurrent layer does where its input is padding: `'zeros'` outputs zeros, Keras' `zero_output_for_mask`;
 * `'repeat'` outputs what it did before; `'none'` sees no padding, whatever tfjs hands it: a model hands the mask of one
 * layer to all later ones.
 */
type Rule = 'zeros' | 'repeat' | 'none';

const BASES = {
  SimpleRNN: layers.simpleRNN({ units: 1 }).constructor,
  GRU: layers.gru({ units: 1 }).constructor,
  LSTM: layers.lstm({ units: 1 }).constructor,
  RNN,
  KerasGRU,
} as unknown as Readonly<Record<string, RecurrentClass>>;

/** [batch, time], 1 where the input is not padding; tfjs' Add puts an axis before its mask. */
function seenIn(x: tf.Tensor, mask: Inputs | null | undefined): tf.Tensor2D | null {
  const [first] = [mask].flat();
  if (first == null) return null;
  return tf.reshape(tf.cast(first, 'float32'), [x.shape[0], x.shape[1] as number]);
}

/** `LSTMOnPadding` and the like: the recurrent layers, with the option `onPadding`. */
export const recurrentOnPadding: readonly tf.serialization.SerializableConstructor<layers.Layer>[] =
  Object.entries(BASES).map(([name, Base]) => {
    class OnPadding extends Base {
      static readonly className: string = `${name}OnPadding`;
      readonly #rule: Rule;

      constructor(config: Config & { readonly onPadding?: Rule }) {
        super(config);
        this.#rule = config.onPadding ?? 'repeat';
      }

      override call(inputs: Inputs, kwargs: Kwargs): Inputs {
        return tf.tidy(() => {
          const x = [inputs].flat()[0] as tf.Tensor;
          const seen = this.#rule === 'none' ? null : seenIn(x, kwargs.mask);
          const outputs = super.call(inputs, { ...kwargs, mask: seen });
          if (seen === null || this.#rule !== 'zeros') return outputs;
          const [output, ...states] = [outputs].flat() as [tf.Tensor, ...tf.Tensor[]];
          const zeroed = tf.mul(output, this.#factor(seen));
          return Array.isArray(outputs) ? [zeroed, ...states] : zeroed;
        });
      }

      /** What its output is multiplied by, in the order of its steps. */
      #factor(seen: tf.Tensor2D): tf.Tensor {
        const ordered = this.goBackwards ? tf.reverse(seen, 1) : seen;
        if (this.returnSequences) return tf.expandDims(ordered, 2); // [batch, time, 1]
        return tf.slice(ordered, [0, seen.shape[1] - 1], [-1, 1]);
      }

      /** Of a copy: tfjs puts the cell itself into the configuration of an RNN, which Bidirectional reads twice. */
      static override fromConfig<T extends tf.serialization.Serializable>(
        cls: tf.serialization.SerializableConstructor<T>,
        config: tf.serialization.ConfigDict,
      ): T {
        return Base.fromConfig(cls, { ...config });
      }

      override getConfig(): tf.serialization.ConfigDict {
        const { cell } = this;
        const saved = { className: cell.getClassName(), config: cell.getConfig() };
        // tfjs saves the cell of the class RNN itself alone.
        return {
          ...super.getConfig(),
          ...(name === 'RNN' ? { cell: saved } : {}),
          onPadding: this.#rule,
        };
      }
    }
    return OnPadding as unknown as tf.serialization.SerializableConstructor<layers.Layer>;
  });
