/** Which layers see padding, and what they do there; the numbers are held to those of Keras by `keras/zoo.test.ts`. */
import { expect, test } from 'vitest';
import { withPadding } from './keras3-padding.ts';

type Entry = Readonly<Record<string, unknown>>;

const tensor = (name: string): object => ({
  class_name: '__keras_tensor__',
  config: { keras_history: [name, 0, 0] },
});

/** A layer that is called with the outputs of others, and with these further arguments. */
function layer(
  name: string,
  className: string,
  { of = [], kwargs = {}, ...config }: { of?: string[]; kwargs?: object; [key: string]: unknown },
): Entry {
  const args = of.length > 1 ? [of.map(tensor)] : of.map(tensor);
  return {
    name,
    class_name: className,
    config: { name, ...config },
    inbound_nodes: [{ args, kwargs }],
  };
}

/** What each layer was told. */
const rules = (entries: readonly Entry[], kind = 'Functional', major: 2 | 3 = 3): object =>
  Object.fromEntries(
    (withPadding(kind, entries, major) as Entry[]).flatMap((entry) => {
      const { on_padding: rule, masked } = entry['config'] as Record<string, unknown>;
      return rule === undefined && masked === undefined ? [] : [[entry['name'], rule ?? masked]];
    }),
  );

const words = layer('words', 'Embedding', { of: ['x'], mask_zero: true });
const others = layer('others', 'Embedding', { of: ['x'] });

test('a graph without padding stays as it is', () => {
  const entries = [others, layer('it', 'LSTM', { of: ['others'], zero_output_for_mask: true })];
  expect(withPadding('Functional', entries, 3)).toBe(entries);
});

test('a layer behind one that passes no mask on sees none', () => {
  const entries = [
    words,
    layer('encoder', 'LSTM', { of: ['words'] }),
    layer('repeat', 'RepeatVector', { of: ['encoder'] }),
    layer('decoder', 'GRU', { of: ['repeat'], return_sequences: true }),
    layer('mean', 'GlobalAveragePooling1D', { of: ['decoder'] }),
  ];
  expect(rules(entries)).toEqual({ decoder: 'none' });
  expect(rules(entries, 'Sequential')).toEqual({ decoder: 'none' });
  // Whatever the order in which a file lists them.
  expect(rules(entries.toReversed())).toEqual({ decoder: 'none' });
});

test('zeros are those of layers with a mask, inside Bidirectional too, in both directions', () => {
  const inner = (name: string): object => ({
    class_name: 'LSTM',
    config: { name, return_sequences: true, zero_output_for_mask: true },
  });
  const entries = [
    words,
    layer('both', 'Bidirectional', {
      of: ['words'],
      layer: inner('f'),
      backward_layer: inner('b'),
    }),
    layer('after', 'SimpleRNN', { of: ['both'], zero_output_for_mask: true }),
    layer('apart', 'SimpleRNN', { of: ['others'], zero_output_for_mask: true }),
    others,
  ];
  expect(rules(entries)).toEqual({ after: 'zeros', apart: 'none' });
  const [, both] = withPadding('Functional', entries, 3) as Entry[];
  const { layer: forward, backward_layer: backward } = (both as Entry)['config'] as Record<
    string,
    Entry
  >;
  expect(forward?.['config']).toMatchObject({ name: 'f', on_padding: 'zeros' });
  expect(backward?.['config']).toMatchObject({ name: 'b', on_padding: 'zeros' });
});

test('a sum has a mask where all of its inputs have one, in Keras 2 where one has', () => {
  const sum = (...of: string[]): Entry[] => [
    words,
    others,
    layer('sum', 'Add', { of }),
    layer('it', 'LSTM', { of: ['sum'] }),
    layer('mean', 'GlobalAveragePooling1D', { of: ['sum'] }),
  ];
  expect(rules(sum('words', 'others'))).toEqual({ it: 'none' });
  expect(rules(sum('words', 'words'))).toEqual({ it: 'repeat', mean: true });
  expect(rules(sum('words', 'others'), 'Functional', 2)).toEqual({ it: 'repeat', mean: true });
});

test('what a file says of a call goes before what follows from the graph', () => {
  const entries = [
    words,
    layer('it', 'LSTM', { of: ['words'], kwargs: { mask: null } }),
    layer('attention', 'MultiHeadAttention', { of: ['words'], kwargs: { query_mask: null } }),
    layer('other', 'MultiHeadAttention', { of: ['words'] }),
    layer('mean', 'GlobalAveragePooling1D', { of: ['others'], kwargs: { mask: tensor('seen') } }),
  ];
  expect(rules(entries)).toEqual({ it: 'none', attention: 'none', mean: true });
});

test('a layer that sees padding in one call and none in another is refused', () => {
  const twice = {
    ...layer('it', 'LSTM', {}),
    inbound_nodes: ['words', 'others'].map((name) => ({ args: [tensor(name)], kwargs: {} })),
  };
  expect(() => rules([words, others, twice])).toThrow(
    /layer "it" \(LSTM\) must see padding in all of its calls, or in none/,
  );
});
