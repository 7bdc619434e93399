import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { Gated, modelOf } from '../test/layers.ts';
import { type MultiplierOptions, withMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

const dense = (): layers.Layer => layers.dense({ units: 2, inputShape: [3], name: 'd' });
const gated = (): layers.Layer => new Gated({ units: 2, inputShape: [3], name: 'g' });
const anything = (value: unknown): layers.Layer => value as layers.Layer;

test.each<[string, () => layers.Layer, RegExp]>([
  [
    'no layer',
    () => anything({ units: 2 }),
    /target must be a tf.layers.Layer. Received an object/,
  ],
  ['nothing', () => anything(undefined), /Received undefined/],
  [
    'a model',
    () => sequential({ layers: [dense()], name: 'm' }),
    /"m" is a model. Try addMultipliers/,
  ],
  ['a wrapped layer', () => withMultipliers(dense()), /"d" has multipliers already/],
  [
    'a layer without weights',
    () => layers.maxPooling2d({ name: 'pool1' }),
    /"pool1" \(MaxPooling2D\) has no kernel. Wrap a layer with weights: Dense, Embedding/,
  ],
  [
    'a built layer without a kernel',
    () => {
      const norm = layers.batchNormalization({ name: 'n' });
      norm.apply(tf.ones([2, 3]));
      return norm;
    },
    /"n" \(BatchNormalization\) has no kernel/,
  ],
  [
    'a wrapper around a wrapped layer',
    () => layers.timeDistributed({ layer: withMultipliers(dense()), name: 't' }),
    /"t" \(TimeDistributed\) is not among/,
  ],
  [
    'a recurrent layer with a cell of its own',
    () => {
      class Cell extends Gated {
        static override readonly className: string = 'TestCell';
        readonly stateSize = 2;
      }
      const cell = new Cell({ units: 2, name: 'cell' }) as unknown as ReturnType<
        typeof layers.lstmCell
      >;
      return layers.rnn({ cell, name: 'own' }) as layers.Layer;
    },
    /"own" \(RNN\) is not among/,
  ],
  ['a custom layer', gated, /"g" \(TestGated\) is not among/],
])('wrapping %s is refused', (_, make, message) => {
  tf.tidy(() => {
    const layer = make();
    const tensors = tf.memory().numTensors;
    expect(() => withMultipliers(layer)).toThrow(message);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

test.each<[object, RegExp]>([
  [{ rows: true }, /withMultipliers: unknown option "rows". Did you mean "row"/],
  [{ row: 1 }, /"row" must be true or false. Received 1/],
  [{ row: false, column: false }, /row, column and scalar are all false/],
  [{ initializer: { colum: 'ones' } }, /unknown option "colum". Did you mean "column"/],
  [{ initializer: { row: 'one' } }, /initializer.row must be .* Received "one". Try 'ones'/],
  [{ initializer: { row: 3 } }, /initializer.row must be .* Received 3/],
  [{ initializer: { row: {} } }, /initializer.row must be/],
  [{ initializer: { row: { className: 'Nowhere', config: {} } } }, /initializer.row must be/],
  [
    { initializer: { scalar: 'ones' } },
    /initializer.scalar is given, but "scalar" is off. Try scalar: true/,
  ],
  [{ initializer: 'ones' }, /"initializer": options must be one object. Received "ones"/],
  [
    { kernels: 'kernel' },
    /"kernels" must be a list of different property names. Received "kernel"/,
  ],
  [{ kernels: [] }, /"kernels" must be a list/],
  [{ kernels: ['kernel', 'kernel'] }, /"kernels" must be a list/],
  [{ name: '' }, /"name" must be a name/],
  [[], /options must be one object/],
])('options %j are refused', (options, message) => {
  expect(() => withMultipliers(dense(), options as MultiplierOptions)).toThrow(message);
});

test.each<[layers.Layer, string, RegExp]>([
  [
    gated(),
    'kernal',
    /"g" \(TestGated\) has no weight in its property "kernal". Did you mean "kernel"/,
  ],
  [gated(), 'units', /has no weight in its property "units"/],
  [gated(), 'constructor', /has no weight in its property "constructor"/],
  [
    layers.flatten({ name: 'f', inputShape: [2, 3] }),
    'kernel',
    /"f" \(Flatten\) .* It has no weights/,
  ],
  [
    layers.simpleRNN({ units: 2, name: 'r', inputShape: [2, 3], recurrentInitializer: 'zeros' }),
    'kernel',
    /may lie in its property "cell", .*name it "cell.kernel"/,
  ],
  [
    gated(),
    'bias',
    /"bias" of layer "g" \(TestGated\) must have at least 2 axes.*Received shape \[2\]/,
  ],
])(
  'a property without a kernel is named when the layer is built (%#)',
  (layer, property, message) => {
    expect(() => modelOf(withMultipliers(layer, { kernels: [property] }))).toThrow(message);
  },
);

test('a column factor where an output has one input feature is refused, and left out by default', () => {
  const layer = (): layers.Layer => layers.depthwiseConv2d({ kernelSize: 2, name: 'depth' });
  expect(() => withMultipliers(layer(), { column: true })).toThrow(
    /"depth" \(DepthwiseConv2D\) has no column axis.*Leave out "column"/,
  );
  expect(() => withMultipliers(layer(), { row: false })).toThrow(/are all false/);
  expect(withMultipliers(layer()).getConfig()['column']).toBe(false);
});

test('inside Bidirectional a wrapped layer is refused, with what to write instead', () => {
  const layer = withMultipliers(layers.lstm({ units: 2 })) as never;
  expect(() => layers.bidirectional({ layer, mergeMode: 'concat' })).toThrow(
    /Wrap it as a whole: withMultipliers\(tf.layers.bidirectional/,
  );
});

test('an initializer is known under each of its forms', () => {
  for (const row of [
    'ones',
    'Ones',
    initializers.ones(),
    { className: 'Ones', config: {} },
  ] as never[]) {
    const config = withMultipliers(dense(), { column: false, initializer: { row } }).getConfig();
    expect(config['initializer']).toEqual({ row: { className: 'Ones', config: {} } });
  }
});
