/** Files that several versions of Keras saved, from every source that `loadModel` takes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { casesIn, expectOutputs, free, gapOf, type SavedCase } from '../../test/keras-cases.ts';
import { loadModel, type ModelSource } from '../index.ts';

const VERSIONS = ['2.15.0', '3.0.5', '3.3.3', '3.6.0', '3.9.2', '3.12.4', '3.15.1'];

const named = (version: string, name: string): SavedCase =>
  casesIn(`versions/keras-${version}.zip`).find((each) => each.name === name) as SavedCase;

onCpu(() => {
  describe.each(VERSIONS)('Keras %s', (version) => {
    const files = casesIn(`versions/keras-${version}.zip`).flatMap((saved) =>
      Object.entries(saved.files)
        .filter(([ending]) => ending !== 'weights.h5')
        .map(([ending, bytes]) => [`${saved.name}.${ending}`, saved, bytes] as const),
    );

    test.each(files)('predicts as Keras does: %s', async (_, saved, bytes) => {
      const tensors = tf.memory().numTensors;
      const model = await loadModel(bytes);
      expectOutputs(model, saved, saved.outputs, 1e-5);
      free(model);
      expect(tf.memory().numTensors).toBe(tensors);
    });
  });

  describe('sources', () => {
    const saved = named('3.15.1', 'tagger');
    const bytes = saved.files['keras'] as Uint8Array<ArrayBuffer>;
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'tfjs-lrm-'));
      writeFileSync(join(folder, 'model.keras'), bytes);
      writeFileSync(join(folder, 'model.h5'), saved.files['h5'] as Uint8Array);
      writeFileSync(join(folder, 'a model.weights.h5'), saved.files['weights.h5'] as Uint8Array);
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    const sources: readonly (readonly [string, () => ModelSource])[] = [
      ['a Uint8Array', () => bytes],
      ['a view into a larger buffer', () => Uint8Array.from([0, ...bytes, 0]).subarray(1, -1)],
      ['an ArrayBuffer', () => bytes.slice().buffer],
      ['a Blob', () => new Blob([bytes])],
      ['a File', () => new File([bytes], 'model.keras')],
      ['a path', () => join(folder, 'model.keras')],
      ['a path of .h5', () => join(folder, 'model.h5')],
      ['a file URL', () => pathToFileURL(join(folder, 'model.keras')).href],
    ];
    test.each(sources)('loads from %s', async (_, source) => {
      const model = await loadModel(source());
      expect(gapOf(model, saved, saved.outputs)).toBeLessThan(1e-5);
      model.dispose();
    });

    test('loads from a server, whatever query follows, and reports its progress', async () => {
      const fractions: number[] = [];
      const requests: unknown[] = [];
      const model = await loadModel('https://server/models/model.keras?token=a.b/c#x', {
        requestInit: { credentials: 'include' },
        onProgress: (fraction) => fractions.push(fraction),
        fetchFunc: async (...request) => {
          requests.push(request);
          return new Response(new Blob([bytes]), {
            headers: { 'content-length': String(bytes.length) },
          });
        },
      });
      expect(gapOf(model, saved, saved.outputs)).toBeLessThan(1e-5);
      expect(requests).toEqual([
        ['https://server/models/model.keras?token=a.b/c#x', { credentials: 'include' }],
      ]);
      expect([fractions[0], fractions.at(-1)]).toEqual([0, 1]);
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      model.dispose();
    });

    test.each([
      [
        'https://server/none.keras',
        /cannot be read: https:\/\/server\/none.keras was answered with status 404/,
      ],
      ['/nowhere/model.keras', /cannot be read: ENOENT.*model.keras/],
      [new Uint8Array(), /must be a .keras or .h5 file. Received 0 bytes/],
      [new TextEncoder().encode('{"modelTopology": {}}'), /For a model.json give its URL/],
    ])('refuses what is not there, and other files (%#)', async (source, message) => {
      const fetchFunc = async () => new Response('<h1>Not found</h1>', { status: 404 });
      await expect(loadModel(source, { fetchFunc })).rejects.toThrow(message);
    });

    test('refuses a file of weights alone, and says what to do', async () => {
      const loading = loadModel(join(folder, 'a model.weights.h5'));
      await expect(loading).rejects.toThrow(
        /Received one with weights alone. Build the model and try loadWeights\(model, file\)/,
      );
    });

    test('loads model.json from the disk of Node, and no file outside its folder', async () => {
      const built = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] });
      const weights = await built.getWeights()[0]?.data();
      const manifest = (path: string): string =>
        JSON.stringify({
          modelTopology: built.toJSON(null, false),
          weightsManifest: [
            {
              paths: [path],
              weights: built.weights.map(({ originalName: name, shape, dtype }) => ({
                name,
                shape,
                dtype,
              })),
            },
          ],
        });
      writeFileSync(join(folder, 'w.bin'), new Float32Array([...(weights ?? []), 0, 0]));
      writeFileSync(join(folder, 'model.json'), manifest('w.bin'));
      const model = await loadModel(join(folder, 'model.json'));
      expect(model.getWeights()[0]?.dataSync()).toEqual(weights);
      model.dispose();
      built.dispose();
      writeFileSync(join(folder, 'model.json'), manifest('../w.bin'));
      const loading = loadModel(join(folder, 'model.json'));
      await expect(loading).rejects.toThrow(/must name files in its own folder. Received "\.\.\/w/);
    });
  });
});

test('without h5wasm, the error names the command that installs it', async () => {
  vi.resetModules();
  vi.doMock('h5wasm', () => {
    throw new Error('Cannot find package');
  });
  const { loadModel: load } = await import('../index.ts');
  const [saved] = casesIn('versions/keras-3.15.1.zip');
  const loading = load(saved?.files['keras'] as Uint8Array);
  await expect(loading).rejects.toThrow(/h5wasm, which is not installed. Try npm install h5wasm/);
  vi.doUnmock('h5wasm');
});
