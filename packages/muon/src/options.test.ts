import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { isTensorOptimizer } from '@tfjs-lrm/core';
import { nodeOf } from '@tfjs-lrm/core/kit';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { muon } from './index.ts';

const loaded = (config: object): tf.Optimizer => {
  const [cls, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap.LrmMuon!;
  return fromConfig(cls, config as tf.serialization.ConfigDict) as unknown as tf.Optimizer;
};

const SPLIT = [{ name: 'lstm_1/kernel', axis: 1, sizes: [4, 4, 4, 4] }];

onCpu(() => {
  test('the defaults', () => {
    const optimizer = muon();
    expect(optimizer.getConfig()).toEqual({
      learningRate: 1e-3,
      momentum: 0.95,
      nesterov: true,
      coefficients: 'quintic',
      scale: 'match-rms-adamw',
      select: 'matrix',
    });
    expect(optimizer.getClassName()).toBe('LrmMuon');
    expect(nodeOf(optimizer).stateName).toBe('muon');
    expect(isTensorOptimizer(optimizer)).toBe(true);
    expect(muon({ momentum: undefined, fallback: undefined }).getConfig()).toEqual(
      optimizer.getConfig(),
    );
  });

  test.each([
    [{ learningrate: 1 }, 'muon: unknown option "learningrate". Did you mean "learningRate"?'],
    [{ nsSteps: 5 }, 'muon: unknown option "nsSteps". Did you mean'],
    [{ weightDecay: 0.1 }, 'muon: unknown option "weightDecay". It takes learningRate, '],
    [{ learningRate: -1 }, '"learningRate" must be a finite number >= 0. Received -1. Try 1e-3.'],
    [{ momentum: 1 }, '"momentum" must be a finite number >= 0 and < 1. Received 1. Try 0.95.'],
    [{ momentum: Number.NaN }, '"momentum" must be a finite number >= 0 and < 1. Received NaN.'],
    [{ nesterov: 1 }, 'muon: "nesterov" must be true or false. Received 1. Try true.'],
    [
      { scale: 'match_rms_adamw' },
      `"scale" must be one of 'match-rms-adamw', 'original', 'rms-to-rms', 'none'. Received "match_rms_adamw". Try 'match-rms-adamw'.`,
    ],
    [{ coefficients: 'polar-express' }, `Received "polar-express". Try 'polar-express-5'.`],
    [{ coefficients: [] }, 'Received an array of 0. Try [[2, -1.5, 0.5]].'],
    [{ coefficients: [[1, 2]] }, 'a list of at least one [a, b, c] of finite numbers.'],
    [{ coefficients: [[1, 2, Infinity]] }, 'of finite numbers. Received an array of 1.'],
    [{ coefficients: [1.5, -0.5, 0] }, 'of finite numbers. Received an array of 3.'],
    [{ coefficients: 5 }, 'of finite numbers. Received 5.'],
    [{ select: 'matrices' }, 'muon: "select" must be a role'],
    [{ split: 'lstm/kernel' }, '"split" must be a function, or a list of { name, axis, sizes }'],
    [{ split: [{ axis: 1, sizes: [4] }] }, '"split" must be a function, or a list of'],
    [{ split: [{ name: 'a', axis: 0.5, sizes: [4] }] }, 'with a whole axis'],
    [{ split: [{ name: 'a', axis: 0, sizes: [] }] }, 'whole sizes > 0'],
    [{ split: [{ name: 'a', axis: 0, sizes: [2, -1] }] }, 'whole sizes > 0'],
    [{ split: [...SPLIT, ...SPLIT] }, 'no name twice. Received an array of 2.'],
    [{ view: { in: [0], out: [1] } }, 'muon: "view" must be a function. Received an object'],
  ])('muon(%j) is refused', (options, message) => {
    expect(() => muon(options as never)).toThrow(message);
    expect(() => muon(options as never)).toThrow(RangeError);
  });

  test('something that is not an optimizer, or not options, is refused', () => {
    expect(() => muon({ fallback: 'adam' as never })).toThrow(TypeError);
    expect(() => muon({ fallback: 'adam' as never })).toThrow('expected a tf.Optimizer');
    expect(() => muon(0.02 as never)).toThrow(
      'muon: options must be one object. Received 0.02. Try muon({ learningRate }).',
    );
    // A refused call takes no fallback.
    const fallback = adam();
    expect(() => muon({ fallback, momentum: 2 })).toThrow(RangeError);
    muon({ fallback });
  });

  test('a configuration comes back as it was saved, through JSON', () => {
    for (const options of [
      { learningRate: 0.5, momentum: 0.8, nesterov: false, scale: 'original' },
      { coefficients: [[2, -1.5, 0.5]], select: ['matrix', { name: 'a_1/kernel' }] },
      { coefficients: 'polar-express-5', split: SPLIT },
      { fallback: adam({ beta2: 0.95 }) },
      { fallback: tf.train.sgd(0.25) },
      { fallback: muon({ select: 'head' }) },
    ]) {
      const config = muon(options as never).getConfig();
      const back = loaded({ ...JSON.parse(JSON.stringify(config)), customObjects: {}, later: 5 });
      expect(back.getConfig()).toEqual(config);
    }
    expect(muon({ fallback: adam({ beta2: 0.95 }) }).getConfig()['fallback']).toEqual({
      className: 'LrmAdam',
      config: adam({ beta2: 0.95 }).getConfig(),
    });
    expect(loaded({ momentum: null }).getConfig()).toEqual(muon().getConfig());
  });

  test('a saved configuration with a wrong value is refused', () => {
    expect(() => loaded({ momentum: 2 })).toThrow('muon: "momentum" must be');
    expect(() => loaded({ split: 4 })).toThrow('muon: "split" must be');
    expect(() => loaded({ fallback: 'adam' })).toThrow(/^muon: .* optimizer inside is saved as/);
    expect(() => loaded({ fallback: { className: 'Nope', config: {} } })).toThrow(
      'muon: the optimizer class "Nope" is not registered.',
    );
  });

  test('functions and variables cannot be saved: getConfig names the option, state still works', async () => {
    const target = tf.variable(tf.zeros([2, 2]));
    for (const [name, option] of [
      ['split', () => null],
      ['view', () => null],
      ['select', (v: tf.Variable) => v === target],
      ['select', target],
    ] as const) {
      const optimizer = muon({ [name]: option });
      expect(() => optimizer.getConfig()).toThrow(`muon: "${name}" `);
      expect(() => optimizer.getConfig()).toThrow('cannot be saved');
      expect((await optimizer.getWeights())[0]?.name).toBe('iter');
    }
    target.dispose();
  });

  test('the rate that was set is the one that is saved', () => {
    const optimizer = muon();
    optimizer.learningRate = 0.25;
    expect(loaded(optimizer.getConfig()).getConfig()).toEqual(optimizer.getConfig());
    expect(optimizer.getConfig()['learningRate']).toBe(0.25);
    expect(() => optimizer.setLearningRate(-1)).toThrow('LrmMuon: learningRate must be');
  });
});
