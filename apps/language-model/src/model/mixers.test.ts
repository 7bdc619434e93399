import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { findSymmetries } from '@tfjs-lrm/symmetry';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../../test/backends.ts';
import type { Corpus } from '../corpus.ts';
import { PRESETS } from '../presets.ts';
import { generate } from '../training/generate.ts';
import { languageModel, MIXERS } from './language-model.ts';

const VOCABULARY = 'abcdefghijk'.split('');

onCpu(() => {
  it.each(['tiny', 'small'] as const)(
    'all mixers have the same number of parameters: %s',
    (name) => {
      const [attention, ...others] = MIXERS.map((mixer) => {
        const model = languageModel({ ...PRESETS[name], mixer }, 83, false, 1);
        const parameters = model.countParams();
        model.dispose();
        return parameters;
      }) as [number, ...number[]];
      for (const other of others) expect(Math.abs(other / attention - 1)).toBeLessThan(0.02);
    },
  );

  it('the preset hybrid is tiny with another mixer', () => {
    expect(PRESETS.hybrid).toEqual({ ...PRESETS.tiny, mixer: 'hybrid' });
  });

  it('a hybrid has a symmetry more for each channel of its convolution', () => {
    const dimensions = (mixer: 'attention' | 'hybrid'): number => {
      const model = languageModel({ width: 16, blocks: 1, heads: 2, mlp: 8, mixer }, 11, false, 1);
      const total = findSymmetries(model).reduce((sum, { dimension }) => sum + dimension, 0);
      model.dispose();
      return total;
    };
    // Of attention one of two heads is left: 8 less of rotary pairs, 64 less of value against output.
    const [inner, state] = [9, 2];
    expect(dimensions('hybrid') - dimensions('attention')).toBe(inner + 2 * state - 8 - 64);
  });
});

/** Text from all characters so far, computed anew for each one. */
function generateAnew(
  model: LayersModel,
  corpus: Corpus,
  characters: number,
  seed: number,
): string {
  const random = xoroshiro128plus(seed);
  const ids = [...corpus.validation];
  for (let i = 0; i < characters; i++) {
    const probabilities = tf.tidy(() => {
      const logits = model.apply(tf.tensor2d([ids], undefined, 'int32')) as tf.Tensor3D;
      const last = tf.slice(logits, [0, ids.length - 1, 0], [1, 1, -1]);
      return tf.softmax(tf.div(tf.reshape(last, [-1]), 0.7)).dataSync();
    });
    const u = uniformFloat64(random);
    let [id, sum] = [0, probabilities[0] as number];
    while (u >= sum && id < VOCABULARY.length - 1) {
      id += 1;
      sum += probabilities[id] as number;
    }
    ids.push(id);
  }
  return ids
    .slice(corpus.validation.length)
    .map((id) => corpus.vocabulary[id])
    .join('');
}

eachBackend(() => {
  describe.each(MIXERS)('%s', (mixer) => {
    it('writes with what it remembers what it writes without', async () => {
      const model = languageModel(
        { width: 16, blocks: 2, heads: 2, mlp: 24, mixer, context: 40 },
        VOCABULARY.length,
        true,
        1,
      );
      tf.tidy(() => {
        // Likely and unlikely characters, not all alike.
        for (const weight of model.weights) {
          if (/kernel$/.test(weight.originalName)) weight.write(tf.mul(weight.read(), 2));
        }
      });
      const validation = Int32Array.from([0, 3, 1, 4, 1, 5, 9, 2]);
      const corpus = { vocabulary: VOCABULARY, training: validation, validation };
      // Effective kernels are computed once and kept.
      await generate(model, corpus, 8, 1, 1);
      const before = tf.memory().numTensors;
      const text = await generate(model, corpus, 8, 30, 1);
      expect(tf.memory().numTensors).toBe(before);
      expect(new Set(text).size).toBeGreaterThan(3);
      expect(text).toBe(generateAnew(model, corpus, 30, 1));
      model.dispose();
    });
  });
});
