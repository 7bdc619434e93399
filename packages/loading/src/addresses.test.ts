/** Addresses with queries and prefixes, streams, and folders: the right weights, or an error, never those of another file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { casesIn, type SavedCase } from '../test/keras-cases.ts';
import { type LoadModelOptions, loadModel } from './index.ts';

const VALUES = [1.5, -2, 3.25, 4, -5.5, 6];

let json: string;
let parts: Record<string, Uint8Array<ArrayBuffer>>;
const keras = (casesIn('versions/keras-3.15.1.zip').find(({ name }) => name === 'mlp') as SavedCase)
  .files;

onCpu(() => {
  beforeAll(() => {
    const model = sequential({ layers: [layers.dense({ units: 2, inputShape: [2], name: 'd' })] });
    const weights = [
      { name: 'd/kernel', shape: [2, 2], dtype: 'float32' },
      { name: 'd/bias', shape: [2], dtype: 'float32' },
    ];
    const weightsManifest = [{ paths: ['a.bin', 'b.bin'], weights }];
    json = JSON.stringify({ modelTopology: model.toJSON(null, false), weightsManifest });
    const bytes = new Uint8Array(Float32Array.from(VALUES).buffer);
    parts = { 'a.bin': bytes.slice(0, 5), 'b.bin': bytes.slice(5) };
    model.dispose();
  });

  const weightsOf = (model: LayersModel): number[] => {
    const numbers = model.getWeights().flatMap((weight) => [...weight.dataSync()]);
    model.dispose();
    return numbers;
  };

  /** A server with files by their whole addresses; anything else gets the page of an application, as if it was there. */
  const server = (files: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>) => {
    const asked: string[] = [];
    const fetchFunc = async (path: RequestInfo | URL): Promise<Response> => {
      asked.push(String(path));
      return new Response(files[String(path)] ?? '<!doctype html><div id="app"></div>');
    };
    return { asked, fetchFunc };
  };

  test.each<readonly [string, string, string, LoadModelOptions]>([
    ['a query', 'http://s/m/model.json?v=3', 'http://s/m/NAME?v=3', {}],
    ['a slash in the query', 'http://s/m/model.json?t=a/b==', 'http://s/m/NAME?t=a/b==', {}],
    ['a fragment', 'http://s/m/model.json?v=3#x/y', 'http://s/m/NAME?v=3', {}],
    [
      'a prefix',
      'http://s/m/model.json',
      'http://cdn/w/NAME',
      { weightPathPrefix: 'http://cdn/w/' },
    ],
    [
      'a prefix and a query',
      'http://s/m/model.json?v=3',
      'http://cdn/w/NAME?v=3',
      { weightPathPrefix: 'http://cdn/w/' },
    ],
    [
      'a converter',
      'http://s/m/model.json?v=3',
      'http://cdn/NAME.signed?key=1/2',
      { weightUrlConverter: async (name: string) => `http://cdn/${name}.signed?key=1/2` },
    ],
  ])('the files of an address with %s', async (_, address, pattern, options) => {
    for (const streamWeights of [false, true]) {
      const files = Object.fromEntries(
        Object.entries(parts).map(([name, data]) => [pattern.replace('NAME', name), data]),
      );
      const { asked, fetchFunc } = server({ [address]: json, ...files });
      const load = () => loadModel(address, { ...options, fetchFunc, streamWeights });
      expect(weightsOf(await load())).toEqual(VALUES);
      expect(new Set(asked)).toEqual(new Set([address, ...Object.keys(files)]));
    }
  });

  test('stock tfjs takes a slash in the query for one of the path', async () => {
    const address = 'http://s/m/model.json?t=a/b==';
    const { asked, fetchFunc } = server({ [address]: json });
    await loadLayersModel(address, { fetchFunc }).catch(() => undefined);
    expect(asked).toContain('http://s/m/model.json?t=a/a.bin');
  });

  test('a stream of chunks of any sizes gives the weights, of a handler too', async () => {
    const { modelTopology, weightsManifest } = JSON.parse(json);
    const bytes = new Uint8Array(Float32Array.from(VALUES).buffer);
    for (const sizes of [[24], [1, 23], [8, 8, 8], [5, 0, 19], [23, 1]]) {
      let at = 0;
      const chunks = sizes.map((size) => {
        at += size;
        return bytes.slice(at - size, at);
      });
      const handler = {
        load: async () => ({
          modelTopology,
          weightSpecs: weightsManifest[0].weights,
          getWeightStream: () =>
            new ReadableStream({
              start(controller) {
                for (const chunk of chunks) controller.enqueue(chunk);
                controller.close();
              },
            }),
        }),
      } as unknown as tf.io.IOHandler;
      expect(weightsOf(await loadModel(handler)), String(sizes)).toEqual(VALUES);
      chunks.pop();
      if (sizes.length > 1) await expect(loadModel(handler)).rejects.toThrow('need 24 bytes');
    }
    const { fetchFunc } = server({
      'http://s/model.json': json,
      'http://s/a.bin': parts['a.bin'] as Uint8Array<ArrayBuffer>,
      'http://s/b.bin': parts['b.bin'] as Uint8Array<ArrayBuffer>,
    });
    const streaming = tf.io.http('http://s/model.json', { fetchFunc, streamWeights: true });
    expect(weightsOf(await loadModel(streaming))).toEqual(VALUES);
  });

  test('a long last part after a short one takes no longer than its bytes', async () => {
    const { modelTopology } = JSON.parse(json);
    const kernel = new Float32Array(100_000).fill(0.5);
    modelTopology.config.layers[0].config.batch_input_shape = [null, 50_000];
    const all = new Uint8Array(kernel.byteLength + 8);
    all.set(new Uint8Array(kernel.buffer));
    const handler = {
      load: async () => ({
        modelTopology,
        weightSpecs: [
          { name: 'd/kernel', shape: [50_000, 2], dtype: 'float32' as const },
          { name: 'd/bias', shape: [2], dtype: 'float32' as const },
        ],
        weightData: [all.slice(0, 1).buffer, all.slice(1).buffer],
      }),
    };
    const began = process.cpuUsage();
    const model = await loadModel(handler);
    const { user } = process.cpuUsage(began);
    const wrong = (model.getWeights()[0] as tf.Tensor).dataSync().filter((value) => value !== 0.5);
    expect(wrong).toHaveLength(0);
    expect(user / 1e6).toBeLessThan(1);
    model.dispose();
  });

  test.each<readonly [string, string, LoadModelOptions, RegExp]>([
    [
      'a prefix without its slash',
      'http://s/m/model.json',
      { weightPathPrefix: 'http://cdn/w' },
      /the weights need 24 bytes. Received 70/,
    ],
    [
      'a prefix that is no text',
      'http://s/m/model.json',
      { weightPathPrefix: 5 as never },
      /"weightPathPrefix" must be a text. Received 5/,
    ],
    [
      'a converter that returns nothing',
      'http://s/m/model.json',
      { weightUrlConverter: async () => undefined as never },
      /"weightUrlConverter" must return an address. Received undefined for "a.bin"/,
    ],
    ['a page in place of a model', 'http://s/x/model.json', {}, /Failed to parse model JSON/],
    [
      'a page in place of a .keras file',
      'http://s/x/m.keras',
      {},
      /must be a .keras or .h5 file. Received 35 bytes that begin with "<!doctype/,
    ],
  ])('%s is refused, and nothing is left', async (_, address, options, message) => {
    const { fetchFunc } = server({ 'http://s/m/model.json': json });
    const load = () => loadModel(address, { ...options, fetchFunc });
    expect(await tensorsLeftBy(() => expect(load()).rejects.toThrow(message))).toBe(0);
  });

  test.each([
    'http://s/a/m.keras?v=1',
    'http://s/a/m.h5?token=x/y',
    'http://s/get?file=m.keras',
    'http://s/get?file=m.h5#top',
  ])('a file of Keras comes from %s, whose weights are in it', async (address) => {
    const data = Uint8Array.from(keras[/keras/.test(address) ? 'keras' : 'h5'] as Uint8Array);
    const { asked, fetchFunc } = server({ [address]: data });
    const options = { fetchFunc, weightPathPrefix: 'http://cdn/', streamWeights: true };
    const model = await loadModel(address, options);
    expect(asked).toEqual([address]);
    expect(model.countParams()).toBe(37);
    model.dispose();
  });

  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tfjs-lrm-'));
    mkdirSync(join(folder, 'weights'));
    writeFileSync(join(folder, 'model.json'), json);
    for (const [name, data] of Object.entries(parts)) {
      writeFileSync(join(folder, 'weights', name), data);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('the files of a model.json on the disk are in its folder, at a prefix, or where a converter says', async () => {
    const path = join(folder, 'model.json');
    await expect(loadModel(path)).rejects.toThrow(/ENOENT.*a.bin/);
    const prefix = `${join(folder, 'weights')}/`;
    expect(weightsOf(await loadModel(path, { weightPathPrefix: prefix }))).toEqual(VALUES);
    const weightUrlConverter = async (name: string) => join(folder, 'weights', name);
    expect(weightsOf(await loadModel(path, { weightUrlConverter }))).toEqual(VALUES);
    const { fetchFunc } = server({
      'http://cdn/a.bin': parts['a.bin'] as Uint8Array<ArrayBuffer>,
      'http://cdn/b.bin': parts['b.bin'] as Uint8Array<ArrayBuffer>,
    });
    const remote = { weightPathPrefix: 'http://cdn/', fetchFunc };
    expect(weightsOf(await loadModel(path, remote))).toEqual(VALUES);
  });
});
