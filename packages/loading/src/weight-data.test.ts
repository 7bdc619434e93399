/** Weights in parts of any sizes: the right values, or an error, never zeros. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { ADDRESS, type Files, fetchFrom, serve } from '../../../test/files.ts';
import { values } from '../../../test/tensors.ts';
import { loadModel } from './index.ts';
import { crc32 } from './keras/crc32.ts';

const VALUES = [1.5, -2, 3.25, 4];
const NAMES = ['a.bin', 'b.bin', 'c.bin'];

const build = (): LayersModel =>
  sequential({ layers: [layers.dense({ units: 2, inputShape: [1], name: 'd' })] });
const weightSpecs = [
  { name: 'd/kernel', shape: [1, 2], dtype: 'float32' as const },
  { name: 'd/bias', shape: [2], dtype: 'float32' as const },
];

function weightsOf(model: LayersModel): number[] {
  const numbers = model.getWeights().flatMap((weight) => values(weight));
  model.dispose();
  return numbers;
}

/** Every way to cut a length into this many parts, empty ones too. */
function cuts(length: number, parts: number): number[][] {
  if (parts === 1) return [[length]];
  return Array.from({ length: length + 1 }, (_, first) =>
    cuts(length - first, parts - 1).map((rest) => [first, ...rest]),
  ).flat();
}

function inParts(bytes: ArrayBuffer, lengths: readonly number[]): ArrayBuffer[] {
  let start = 0;
  return lengths.map((length) => {
    start += length;
    return bytes.slice(start - length, start);
  });
}

onCpu(() => {
  const bytes = new Float32Array(VALUES).buffer;
  let modelTopology: object;
  beforeAll(() => {
    const model = build();
    modelTopology = JSON.parse(JSON.stringify(model.toJSON(null, false)));
    model.dispose();
  });

  test.each([1, 2, 3, 4])('every cut into %i parts loads the values of the file', async (parts) => {
    const all = cuts(bytes.byteLength, parts);
    for (const lengths of all) {
      const weightData = inParts(bytes, lengths);
      const handler = { load: async () => ({ modelTopology, weightSpecs, weightData }) };
      expect(weightsOf(await loadModel(handler)), String(lengths)).toEqual(VALUES);
    }
    expect(all).toHaveLength([1, 17, 153, 969][parts - 1] as number);
  });

  describe('with checksums', () => {
    const summed = weightSpecs.map((spec, i) => ({
      ...spec,
      crc32: crc32(new Uint8Array(bytes).subarray(8 * i, 8 * i + 8)),
    }));
    const load = (weightData: ArrayBuffer[], specs: object[] = summed): Promise<LayersModel> =>
      loadModel({ load: async () => ({ modelTopology, weightSpecs: specs, weightData }) } as never);

    test('parts that were exchanged are refused, whatever their sizes', async () => {
      const counts = { right: 0, refused: 0 };
      const all = [
        ...cuts(16, 2),
        ...cuts(16, 3),
        ...cuts(4, 4).map((lengths) => lengths.map((length) => 4 * length)),
      ];
      for (const lengths of all) {
        for (const [i, j] of [
          [0, 1],
          [1, 2],
          [0, 2],
          [2, 3],
        ] as const) {
          if (j >= lengths.length) continue;
          const parts = inParts(bytes, lengths);
          [parts[i], parts[j]] = [parts[j] as ArrayBuffer, parts[i] as ArrayBuffer];
          const isSame = Buffer.concat(parts.map((part) => Buffer.from(part))).equals(
            Buffer.from(bytes),
          );
          if (isSame) {
            expect(weightsOf(await load(parts))).toEqual(VALUES);
            counts.right++;
          } else {
            await expect(load(parts), `${lengths}, ${i} and ${j}`).rejects.toThrow(
              /weight "d\/(kernel|bias)" must have the checksum that was saved with it/,
            );
            counts.refused++;
          }
        }
      }
      expect(counts.refused).toBeGreaterThan(400);
      expect(counts.right + counts.refused).toBe(17 + 3 * 153 + 4 * 35);
    });

    test('a value that was changed is refused, and so is a checksum that is none', async () => {
      for (let at = 0; at < 16; at++) {
        const changed = bytes.slice(0);
        new Uint8Array(changed)[at] = 0x55;
        await expect(load([changed])).rejects.toThrow(
          `weight "d/${at < 8 ? 'kernel' : 'bias'}" must have the checksum`,
        );
      }
      for (const wrong of [-1, 0.5, 2 ** 32, '7', null]) {
        const specs = summed.map((spec) => ({ ...spec, crc32: wrong }));
        await expect(load([bytes], specs)).rejects.toThrow(/"crc32" of weight "d\/kernel" must be/);
      }
    });
  });

  test('stock tfjs reads zeros from a last part that is longer than those before it', async () => {
    const weightData = inParts(bytes, [4, 12]);
    const handler = { load: async () => ({ modelTopology, weightSpecs, weightData }) };
    expect(weightsOf(await loadLayersModel(handler))).not.toEqual(VALUES);
    expect(weightsOf(await loadModel(handler))).toEqual(VALUES);
  });

  describe('of three files and two groups', () => {
    const base64 = (data: ArrayBuffer | string): string =>
      Buffer.from(data as string).toString('base64');
    const filesOf = (parts: readonly ArrayBuffer[], names: readonly string[]): Files => ({
      'model.json': base64(
        JSON.stringify({
          modelTopology,
          weightsManifest: [
            { paths: names.slice(0, 2), weights: weightSpecs.slice(0, 1) },
            { paths: names.slice(2), weights: weightSpecs.slice(1) },
          ],
        }),
      ),
      ...Object.fromEntries(names.map((name, i) => [name, base64(parts[i] as ArrayBuffer)])),
    });

    test('the values are those of the file', async () => {
      for (const first of [0, 1, 3, 4, 7, 8]) {
        const files = filesOf(inParts(bytes, [first, 8 - first, 8]), NAMES);
        expect(weightsOf(await loadModel(serve(files)))).toEqual(VALUES);
      }
    });

    test.each(NAMES)(
      'a missing, short, long or empty %s is refused, and nothing is left',
      async (name) => {
        const files = filesOf(inParts(bytes, [3, 5, 8]), NAMES);
        const part = Buffer.from(files[name] as string, 'base64');
        const { [name]: _, ...missing } = files;
        const other = (data: Uint8Array): Files => ({
          ...files,
          [name]: Buffer.from(data).toString('base64'),
        });
        const tensors = tf.memory().numTensors;
        const load = (damaged: Files, strict = true): Promise<LayersModel> =>
          loadModel(ADDRESS, { fetchFunc: fetchFrom(damaged), strict });
        for (const [damaged, message] of [
          [missing, `cannot be read: http://server/${name} was answered with status 404`],
          [other(part.subarray(0, -1)), 'the weights need 16 bytes. Received 15'],
          [other(Buffer.concat([part, part])), `16 bytes. Received ${16 + part.length}`],
          [other(new Uint8Array()), `16 bytes. Received ${16 - part.length}`],
        ] as const) {
          await expect(load(damaged)).rejects.toThrow(message);
        }
        // The page that the server answers with would be long enough for weights.
        await expect(load(missing, false)).rejects.toThrow('status 404');
        expect(tf.memory().numTensors).toBe(tensors);
      },
    );
  });
});
