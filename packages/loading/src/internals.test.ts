/** Each private of tfjs that this package uses is there in the installed tfjs. */
import { LayersModel, layers, Sequential, sequential } from '@tensorflow/tfjs-layers';
import { withPatches } from '@tfjs-lrm/core/kit';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import {
  converted,
  fromConfigOf,
  layerPatches,
  registeredClass,
  registeredNames,
} from './internals.ts';

onCpu(() => {
  test('SerializationMap: [class, fromConfig] of each registered name', () => {
    const [cls, fromConfig] = registeredClass('Dense') ?? [];
    const layer = layers.dense({ units: 3 });
    expect(cls).toBe(layer.constructor);
    expect(fromConfig?.(cls, { units: 3, name: 'd' }, {}, false).name).toBe('d');
    expect(registeredClass('Nowhere') ?? registeredClass('toString')).toBeUndefined();
    expect(registeredNames()).toEqual(expect.arrayContaining(['Dense', 'Sequential', 'Model']));
  });

  test.each([
    ['Sequential', Sequential],
    ['Model', LayersModel],
    ['Functional', LayersModel],
  ])('the fromConfig that tfjs keeps of %s is that of its class', (name, cls) => {
    expect(registeredClass(name)?.[1]).toBe(fromConfigOf(cls));
  });

  test('Layer.prototype.apply and addWeight: called for every layer that is built', () => {
    const calls: string[] = [];
    const patches = layerPatches({
      apply: (apply) =>
        function (...args) {
          calls.push(`apply ${this.name}`);
          return apply.apply(this, args);
        },
      addWeight: (addWeight) =>
        function (...args) {
          calls.push(`addWeight ${this.name} ${args[0]} [${args[1]}]`);
          return addWeight.apply(this, args);
        },
    });
    const layer = layers.dense({ units: 2, inputShape: [3], name: 'd' });
    withPatches(patches, () => sequential({ layers: [layer] })).dispose();
    expect(calls).toEqual(['apply d', 'addWeight d kernel [3,2]', 'addWeight d bias [2]']);
    sequential({ layers: [layers.dense({ units: 2, inputShape: [3] })] }).dispose();
    expect(calls).toHaveLength(3);
  });

  test("modelFromJSON converts names, and hands them to a class of one's own", async () => {
    const topology = { class_name: 'A', config: { batch_input_shape: [null, 3], name: 'a_b' } };
    expect(await converted(topology)).toEqual({
      className: 'A',
      config: { batchInputShape: [null, 3], name: 'a_b' },
    });
  });
});
