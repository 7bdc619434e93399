import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { variable } from '../../../test/tensors.ts';
import { type Selector, setRole } from './index.ts';
import { checkOptions, checkSelector, selectorRule, selectorToConfig, selects } from './kit.ts';

onCpu(() => {
  test('a role selects by the role of the moment, not by that of the past', () => {
    const kernel = variable([1, 2], [1, 2], 'kernel');
    expect(selects('matrix', kernel)).toBe(true);
    setRole(kernel, 'head');
    expect(selects('matrix', kernel)).toBe(false);
    expect(selects('head', kernel)).toBe(true);
  });

  test('a name selects exactly, or without the suffix that tfjs adds', () => {
    const kernel = tf.variable(tf.zeros([1]), true, 'selector/kernel_2');
    expect(selects({ name: 'selector/kernel_2' }, kernel)).toBe(true);
    expect(selects({ name: 'selector/kernel' }, kernel)).toBe(true);
    expect(selects({ name: 'selector/kernel_1' }, kernel)).toBe(false);
    expect(selects({ name: 'kernel' }, kernel)).toBe(false);
    kernel.dispose();
  });

  test('a variable selects itself, a predicate what it is true of, a list what any part selects', () => {
    const a = variable([1], [1], 'a');
    const b = variable([1], [1], 'b');
    expect([selects(a, a), selects(a, b)]).toEqual([true, false]);
    const short = (v: tf.Variable): boolean => v.name.endsWith('/b');
    expect([selects(short, a), selects(short, b)]).toEqual([false, true]);
    expect([selects([a, short], a), selects([a, short], b)]).toEqual([true, true]);
    expect(selects([['embedding', [b]]], b)).toBe(true);
    expect(selects([], a)).toBe(false);
  });

  test('what is no selector is refused, inside lists too', () => {
    for (const wrong of ['vectors', 5, null, undefined, {}, { name: 5 }, ['matrix', 'x']]) {
      expect(() => checkSelector('here: "exclude"', wrong)).toThrow(
        /^here: "exclude" must be a role \('matrix', .*\), \{ name \}, a variable, a predicate, or a list/,
      );
    }
    const fine: Selector[] = [
      'head',
      { name: 'x' },
      variable([1], [1]),
      () => true,
      [['vector']],
      [],
    ];
    for (const selector of fine) expect(() => checkSelector('here', selector)).not.toThrow();
  });

  test('a plain tensor is no selector: it would select nothing', () => {
    for (const tensor of [tf.ones([2]), Object.assign(tf.ones([2]), { name: 'kernel' })]) {
      expect(() => checkSelector('here: "exclude"', tensor)).toThrow(
        /^here: "exclude" must be a role/,
      );
      expect(() => checkSelector('here: "exclude"', ['matrix', tensor])).toThrow(RangeError);
    }
  });

  test('a rule of options says which option holds something else', () => {
    const rules = { exclude: selectorRule('mine: "exclude"') };
    expect(() => checkOptions('mine', { exclude: ['vector', { name: 'x' }] }, rules)).not.toThrow();
    expect(() => checkOptions('mine', { exclude: ['vectors'] }, rules)).toThrow(
      /^mine: "exclude" must be a role .* Received "vectors"\.$/,
    );
  });

  test('roles and names are saved as they are; functions and variables cannot be', () => {
    const saved = selectorToConfig('x', ['matrix', { name: 'a/b_1' }, ['head']]);
    expect(JSON.parse(JSON.stringify(saved))).toEqual(['matrix', { name: 'a/b_1' }, ['head']]);
    expect(() => selectorToConfig('withThis: "exclude"', ['matrix', () => true])).toThrow(
      /^withThis: "exclude" holds a function, which cannot be saved\. .* call setWeights\.$/,
    );
    expect(() => selectorToConfig('withThis: "exclude"', variable([1], [1]))).toThrow(
      /"exclude" holds a variable, which cannot be saved/,
    );
  });
});
