/** Models that Keras 3 saved and tensorflowjs_converter converted, held to what Keras makes of them. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import type { Data } from '../../../test/files.ts';
import { expectOutputs, type Case as KerasCase, step } from '../test/keras-cases.ts';
import { loadModel } from './index.ts';

interface Case extends KerasCase {
  readonly modelTopology: Record<string, unknown>;
  readonly weightSpecs: tf.io.WeightsManifestEntry[];
  readonly weightData: string;
}

const file = new URL('../../../fixtures/keras/models.json', import.meta.url);
const { models } = JSON.parse(readFileSync(file, 'utf8')) as { models: readonly Case[] };
const named = models.map((model) => [model.name, model] as const);
const stepped = named.filter(([, { steps }]) => steps.adam !== undefined);

const load = (saved: Case): Promise<LayersModel> =>
  loadModel(
    tf.io.fromMemory({
      modelTopology: structuredClone(saved.modelTopology),
      weightSpecs: saved.weightSpecs,
      weightData: new Uint8Array(Buffer.from(saved.weightData, 'base64')).buffer,
    }),
  );

eachBackend((backend) => {
  test.each(named)('predicts as Keras does: %s', async (_, saved) => {
    const model = await load(saved);
    expectOutputs(model, saved, saved.outputs, 1e-5);
    model.dispose();
  });

  test.each(named)('takes multipliers and folds them: %s', async (_, saved) => {
    const model = addMultipliers(await load(saved));
    expectOutputs(model, saved, saved.outputs, 1e-5);
    expectOutputs(foldMultipliers(model), saved, saved.outputs, 1e-5);
  });

  // tfjs lacks gradients of convolutions and embeddings on wasm, and that of upSampling2d is wrong on cpu.
  const lacking: readonly string[] = {
    cpu: ['convolutions'],
    wasm: ['convolutions', 'sequences', 'tagger', 'classifier'],
    tensorflow: [],
  }[backend];
  const trained = stepped.filter(([name]) => !lacking.includes(name));
  test.each(trained)('trains a step as Keras does: %s', async (_, saved) => {
    const former = await load(saved);
    step(former, saved, tf.train.sgd(0.05));
    expectOutputs(former, saved, saved.steps.sgd as readonly Data[], 1e-4);
    const model = await load(saved);
    // Keras adds epsilon before it corrects the second moment.
    step(model, saved, adam({ learningRate: 0.01, epsilon: 1e-7 / Math.sqrt(1 - 0.999) }));
    expectOutputs(model, saved, saved.steps.adam as readonly Data[], 1e-4);
  });
});

/** A model of one layer as Keras 3 saves it. */
function single(
  className: string,
  config: object,
  args: unknown[] | null = null,
  kwargs: object = {},
): object {
  const tensor = { class_name: '__keras_tensor__', config: { keras_history: ['x', 0, 0] } };
  const input = { class_name: 'InputLayer', config: { batch_shape: [null, 4], name: 'x' } };
  const call = { args: args ?? [tensor], kwargs };
  const layer = { class_name: className, config: { name: 'it', ...config } };
  return {
    class_name: 'Functional',
    config: {
      name: 'model',
      layers: [
        { ...input, name: 'x', inbound_nodes: [] },
        { ...layer, name: 'it', inbound_nodes: [call] },
      ],
      input_layers: ['x', 0, 0],
      output_layers: ['it', 0, 0],
    },
  };
}

onCpu(() => {
  const x = { class_name: '__keras_tensor__', config: { keras_history: ['x', 0, 0] } };
  /** A model in which a layer gets the mask of a Masking. */
  const padded = (className: string, config: object): object => {
    const tensor = (name: string): object => ({
      class_name: '__keras_tensor__',
      config: { keras_history: [name, 0, 0] },
    });
    const entry = (
      name: string,
      class_name: string,
      config: object,
      ...nodes: object[]
    ): object => ({
      ...{ name, class_name, config: { name, ...config }, inbound_nodes: nodes },
    });
    return {
      class_name: 'Functional',
      config: {
        name: 'model',
        layers: [
          entry('x', 'InputLayer', { batch_shape: [null, 4, 3] }),
          entry('seen', 'NotEqual', {}, { args: [tensor('x'), 0], kwargs: {} }),
          entry('masking', 'Masking', { mask_value: 0 }, { args: [tensor('x')], kwargs: {} }),
          entry('it', className, config, {
            args: [tensor('masking')],
            kwargs: { mask: tensor('seen') },
          }),
        ],
        input_layers: ['x', 0, 0],
        output_layers: ['it', 0, 0],
      },
    };
  };
  const stack = { class_name: 'StackedRNNCells', config: { cells: [] } };
  const half = { class_name: 'DTypePolicy', config: { name: 'float64' } };
  const leaky = { module: 'keras.layers', class_name: 'LeakyReLU', config: {} };
  test.each([
    [
      single('SpectralNormalization', {}),
      /layer "it" \(SpectralNormalization\) .* Register a layer/,
    ],
    [single('StringLookup', {}), /\(StringLookup\) .* Cut it off in Keras/],
    [
      single('GRU', { units: 2, reset_after: true, dropout: 0.1 }),
      /no dropout with reset_after. Received 0.1/,
    ],
    [single('Add', {}, [x, 'one']), /layer "it" \(Add\) must take a tensor or a list/],
    [single('Dense', { units: 2 }, [x], { mask: x }), /be called without "mask"/],
    [
      single('Dense', { units: 2, activation: leaky }),
      /have for activation the name of a function/,
    ],
    [single('Dense', { units: 2, dtype: half }), /float32, int32 or bool. Received "float64"/],
    [single('Conv1D', { groups: 2 }), /must have one group. Received 2/],
    [single('ReLU', { negative_slope: 0.1 }), /no negative_slope. Received 0.1. Try LeakyReLU/],
    [
      single('MultiHeadAttention', { kernel_regularizer: { class_name: 'L2', config: { l2: 1 } } }),
      /no kernel_regularizer here/,
    ],
    [
      single('GRU', {
        reset_after: true,
        recurrent_constraint: { class_name: 'NonNeg', config: {} },
      }),
      /no recurrent_constraint here/,
    ],
    [padded('RNN', { cell: stack }), /have one cell in a model with padding.*for each cell/],
    [
      padded('ConvLSTM2D', { filters: 1, zero_output_for_mask: true }),
      /not give zeros where its input is padding/,
    ],
    [single('UpSampling2D', { interpolation: 'bilinear' }), /interpolate with "nearest"/],
    [
      single('Bidirectional', {
        layer: { class_name: 'LSTM', config: { name: 'forward_l', units: 2, activation: 'tanh' } },
        backward_layer: {
          class_name: 'LSTM',
          config: { name: 'backward_l', units: 2, activation: 'relu', go_backwards: true },
        },
      }),
      /must have the same layer for both directions/,
    ],
  ])('refuses what tfjs would lack or read otherwise (%#)', async (modelTopology, message) => {
    const { numTensors } = tf.memory();
    await expect(loadModel(tf.io.fromMemory({ modelTopology }))).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  test('finds a weight by its path, and refuses a path that can be two or none', async () => {
    const saved = models.find(({ name }) => name === 'nested_twice') as Case;
    const renamed = (from: string, to: string): Case => ({
      ...saved,
      weightSpecs: saved.weightSpecs.map((spec) => ({
        ...spec,
        name: spec.name.replace(from, to),
      })),
    });
    const whole = await load(renamed('core/dense/', 'nested_twice/block/core/dense/'));
    expectOutputs(whole, saved, saved.outputs, 1e-5);
    whole.dispose();
    await expect(load(renamed('core/dense/', 'other/dense/'))).rejects.toThrow(
      /"other\/dense\/kernel", and the model has no such weight. Did you mean/,
    );
    await expect(load(renamed('core/dense/', 'block/dense_1/x/'))).rejects.toThrow(
      /each weight of the model must have one in the file/,
    );
  });
});
