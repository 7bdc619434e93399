import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { Selection } from './selection.ts';
import { selects } from './selector.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

let scopes = 0;
/** Fresh variables of names in a scope that no other test has: of rank 2, those named bias of rank 1. */
function variables(...names: string[]): [scope: string, ...variables: tf.Variable[]] {
  scopes += 1;
  const scope = `selection${scopes}`;
  const make = (name: string): tf.Variable =>
    tf.tidy(() =>
      tf.variable(tf.zeros(name.includes('bias') ? [2] : [2, 2]), true, `${scope}${name}`),
    );
  return [scope, ...names.map(make)];
}

onCpu(() => {
  test("a layer's name means its kernels", () => {
    const [layer, kernel, copy, bias, embeddings] = variables(
      '/kernel',
      '/kernel_1',
      '/bias',
      '/embeddings',
    ) as [string, tf.Variable, tf.Variable, tf.Variable, tf.Variable];
    const chosen = [kernel, copy, bias, embeddings].map((v) => selects({ name: layer }, v));
    expect(chosen).toEqual([true, true, false, true]);
    expect(selects({ name: layer.slice(0, -1) }, kernel)).toBe(false);
  });

  test('a name takes the numbered variables only where none is named exactly so', () => {
    const [scope, w, second, layers] = variables('/w', '/w_1', '/w/kernel') as [
      string,
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    const all = [w, second, layers];
    const selection = new Selection('test', { name: `${scope}/w` });
    selection.meet([second, layers], true);
    expect(all.map((v) => selection.has(v))).toEqual([true, true, true]);
    selection.meet(all, true);
    expect(all.map((v) => selection.has(v))).toEqual([true, false, false]);
    w.dispose();
    expect([second, layers].map((v) => selection.has(v))).toEqual([true, true]);
  });

  test('what selects nothing is told once, with the nearest names; roles may be lacking', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const [scope, kernel, bias] = variables('/kernel', '/bias') as [
      string,
      tf.Variable,
      tf.Variable,
    ];
    const selection = new Selection('withClipping: "exclude"', [
      'embedding',
      { name: `${scope}/bias` },
      { name: `${scope}/kernal` },
      { name: `${scope}x` },
      [() => false],
    ]);
    selection.meet([kernel, bias], false);
    selection.meet([], true);
    expect(warn).not.toHaveBeenCalled();
    selection.meet([kernel, bias], true);
    selection.meet([kernel, bias], true);
    expect(warn.mock.calls).toEqual([
      [
        `withClipping: "exclude" selects no variable by the name "${scope}/kernal" (did you mean "${scope}/kernel"?), the name "${scope}x" (did you mean "${scope}"?), the function (variable) => …. The variables here are ${scope}/kernel, ${scope}/bias.`,
      ],
    ]);
  });
});
