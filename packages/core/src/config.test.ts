import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { loadArtifacts, savedArtifacts, smallModel } from '../../../test/models.ts';
import { Factor, Passing, Probe, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import {
  adapter,
  byRole,
  type Entry,
  OptimizerAdapter,
  type Selector,
  type TensorOptimizer,
} from './index.ts';
import {
  deserializeOptimizer,
  savedData,
  selectorRule,
  selectorToConfig,
  serializeOptimizer,
} from './kit.ts';

/** An adapter with a selector among its options, to send through tfjs' renaming of strings. */
class Selecting extends OptimizerAdapter {
  static override readonly className: string = 'TestSelecting';
  readonly select: Selector;

  constructor(inner: tf.Optimizer, { select }: { select: Selector }) {
    super(inner);
    this.select = select;
  }

  override update(entries: readonly Entry[]): void {
    super.update(entries);
  }

  protected override options(): object {
    return { select: selectorToConfig('Selecting: "select"', this.select) };
  }
}
const selecting = adapter('selecting', Selecting, { select: selectorRule('selecting: "select"') });

/** The optimizer that a saved and loaded model has. */
async function throughFile(optimizer: tf.Optimizer): Promise<tf.Optimizer> {
  const model = smallModel();
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const loaded = await loadArtifacts(await savedArtifacts(model));
  model.dispose();
  return loaded.optimizer;
}

const saved = (optimizer: tf.Optimizer): { className: string; config: unknown } =>
  JSON.parse(JSON.stringify(serializeOptimizer(optimizer)));

onCpu(() => {
  test.each([
    ['ours', () => new Factor(new Passing(new Probe(0.5)), 0.25)],
    [
      'byRole',
      () =>
        byRole({
          matrix: new Passing(tf.train.sgd(1)),
          head: new Probe(2),
          default: tf.train.adam(3),
        }),
    ],
    ...TFJS_OPTIMIZERS.map(([name, make]) => [name, () => new Passing(make())] as const),
  ] as const)('the configuration of %s is the same after a file', async (_, make) => {
    const optimizer = make();
    const config = optimizer.getConfig();
    const loaded = await throughFile(optimizer);
    expect(loaded.getClassName()).toBe(optimizer.getClassName());
    expect(loaded.getConfig()).toEqual(config);
  });

  test("names survive tfjs' renaming of strings, which takes out every underscore elsewhere", async () => {
    const select: Selector = ['matrix', { name: 'dense_1/kernel_2' }, [{ name: 'a_b' }]];
    const loaded = await throughFile(selecting(new Probe(1), { select }));
    expect((loaded as Selecting).select).toEqual(select);
    // What would happen to a string under another key.
    const model = smallModel();
    model.compile({ optimizer: new Probe(1), loss: 'meanSquaredError' });
    const { json, weightData } = await savedArtifacts(model);
    const seen: tf.serialization.ConfigDict[] = [];
    const [, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap.TestProbe!;
    tf.serialization.SerializationMap.getMap().classNameMap.TestProbe = [
      Probe as never,
      (cls, config) => {
        seen.push(config);
        return fromConfig(cls, config);
      },
    ];
    const changed = json.replace(
      '"learningRate":1',
      '"learningRate":1,"rule":"dense_1","name":"dense_1"',
    );
    await loadArtifacts({ json: changed, weightData });
    tf.serialization.registerClass(Probe);
    expect(seen[0]).toMatchObject({ rule: 'dense1', name: 'dense_1', customObjects: {} });
  });

  test('keys that fromConfig does not know are ignored: tfjs adds some', () => {
    const config = { ...saved(byRole({ default: new Probe(0.5) })), extra: 1 };
    const inner = { ...(config.config as object), customObjects: {}, later: 'option', Head: 5 };
    const loaded = deserializeOptimizer('here', { ...config, config: inner });
    expect(loaded.getConfig()).toEqual({
      default: { className: 'TestProbe', config: { learningRate: 0.5 } },
    });
  });

  test.each([
    [
      'nothing',
      undefined,
      /here: the optimizer inside is saved as \{ className, config \}\. Received undefined\./,
    ],
    ['null', null, /Received null/],
    ['a string', 'adam', /Received "adam"/],
    ['no configuration', { className: 'TestProbe' }, /saved as \{ className, config \}/],
    ['no class', { config: {} }, /saved as \{ className, config \}/],
    [
      'an unknown class',
      { className: 'TestProbf', config: {} },
      /here: the optimizer class "TestProbf" is not registered\. Import the package/,
    ],
    [
      'a name that every object has',
      { className: 'toString', config: {} },
      /"toString" is not registered/,
    ],
    [
      'a class that is not one of optimizers',
      { className: 'Dropout', config: { rate: 0.5 } },
      /here: the class "Dropout" is not a class of optimizers/,
    ],
    [
      '__proto__',
      JSON.parse('{"className":"TestProbe","config":{"__proto__":{"learningRate":1}}}'),
      /must not have the key "__proto__"/,
    ],
    [
      'constructor',
      { className: 'TestProbe', config: { a: { constructor: 1 } } },
      /must not have the key "constructor"/,
    ],
    [
      'prototype',
      { className: 'TestProbe', config: { a: [{ prototype: 1 }] } },
      /must not have the key "prototype"/,
    ],
  ] as const)('a saved optimizer of %s is refused', (_, data, message) => {
    expect(() => deserializeOptimizer('here', data)).toThrow(message);
    expect(() => deserializeOptimizer('here', data)).toThrow(RangeError);
    expect(({} as { learningRate?: number }).learningRate).toBeUndefined();
  });

  test('nesting is bounded, so that a file cannot exhaust the stack', () => {
    const nest = (adapters: number): TensorOptimizer => {
      let optimizer: TensorOptimizer = new Probe(1);
      for (let i = 0; i < adapters; i++) optimizer = new Passing(optimizer);
      return optimizer;
    };
    expect(() => deserializeOptimizer('here', saved(nest(14)))).not.toThrow();
    expect(() => deserializeOptimizer('here', saved(nest(17)))).toThrow(
      'here: the configuration is nested deeper than 32 levels.',
    );
    const endless: { className: string; config: object } = { className: 'TestPassing', config: {} };
    endless.config = { inner: endless };
    expect(() => deserializeOptimizer('here', endless)).toThrow(/nested deeper than 32/);
  });

  test('a byRole without default, or with a broken optimizer, is refused on loading', () => {
    expect(() => deserializeOptimizer('here', { className: 'LrmByRole', config: {} })).toThrow(
      /byRole: give an optimizer for each role and a default/,
    );
    for (const broken of [5, 'matrix', { className: 'X', config: {} }]) {
      const data = { className: 'LrmByRole', config: { default: broken } };
      expect(() => deserializeOptimizer('here', data)).toThrow(/byRole: /);
    }
  });

  test.each([null, 5, 'config', [1]])('%j is no configuration', (config) => {
    expect(() => savedData('here', config)).toThrow(/here: a configuration must be one object\./);
  });
});
