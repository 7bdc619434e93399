/**
 * What `tensorflowjs_converter` writes of models of Keras, in every way; `fixtures/keras/convert.py` runs it. With
 * `KERAS_CONVERTED` another archive than the small one of the repository.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { tensorsLeftBy } from '../../../../test/tensors.ts';
import { type Case, free, gapOf } from '../../test/keras-cases.ts';
import { loadModel, loadWeights } from '../index.ts';

const archive =
  process.env['KERAS_CONVERTED'] ??
  new URL('../../../../fixtures/keras/converted.zip', import.meta.url);
const contents = unzipSync(readFileSync(archive));

const jsonOf = (path: string): unknown =>
  JSON.parse(new TextDecoder().decode(contents[path] as Uint8Array));

/** By `VERSION/NAME/WAY`, null where the converter wrote something. */
const results = jsonOf('results.json') as Readonly<Record<string, string | null>>;
const written = Object.keys(results).filter((place) => results[place] === null);
const [graphs, models] = [/\/graph$/, /^(?!.*\/graph$)/].map((pattern) =>
  written.filter((place) => pattern.test(place)),
) as [string[], string[]];

/** Quantized weights are off by half a step of the range of each weight. */
const tolerances = { float16: 5e-3, uint16: 1e-3, uint8: 0.3 } as const;

const handlerOf = (place: string) =>
  tf.io.http(`http://server/${place}/model.json`, {
    fetchFunc: async (path: RequestInfo | URL) => {
      const data = contents[String(path).slice('http://server/'.length)];
      return new Response(data === undefined ? null : Uint8Array.from(data), {
        status: data === undefined ? 404 : 200,
      });
    },
  });

const caseOf = (place: string): Case => jsonOf(place.replace(/[^/]+$/, 'case.json')) as Case;

onCpu(() => {
  test('the converter wrote in each of its ways', () => {
    const ways = new Set(written.map((place) => place.split('/').at(-1)));
    expect([...ways].toSorted()).toEqual([
      'graph',
      'h5',
      'h5-by-layer',
      'h5-float16',
      'h5-shards',
      'h5-uint16',
      'h5-uint8',
      'keras',
      'keras-by-layer',
      'keras-float16',
      'keras-shards',
      'saved-model',
    ]);
  });

  test.each(models)('%s predicts as Keras does', async (place) => {
    const [saved, way] = [caseOf(place), place.split('-').at(-1) as string];
    const scale = Math.max(1, ...saved.outputs.flatMap(({ values }) => values.map(Math.abs)));
    const within = (tolerances[way as keyof typeof tolerances] ?? 1e-5) * scale;
    const model = await loadModel(handlerOf(place));
    expect(gapOf(model, saved, saved.outputs)).toBeLessThan(within);
    for (const weight of model.weights) {
      (weight.read() as tf.Variable).assign(tf.onesLike(weight.read()));
    }
    expect(await tensorsLeftBy(() => loadWeights(model, handlerOf(place)))).toBe(0);
    expect(gapOf(model, saved, saved.outputs)).toBeLessThan(within);
    free(model);
  });

  describe('graph models', () => {
    test.each(graphs)('%s is refused, with what to do', async (place) => {
      const load = () => loadModel(handlerOf(place));
      expect(
        await tensorsLeftBy(() =>
          expect(load()).rejects.toThrow(/Received a graph model. Try tf.loadGraphModel/),
        ),
      ).toBe(0);
    });
  });
});
