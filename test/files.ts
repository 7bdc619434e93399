/** Models as files, without a disk: base64 by file name, as another process can be given them. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { inNewProcess } from './process.ts';

export type Files = Readonly<Record<string, string>>;

/** A tensor as data. */
export interface Data {
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
  readonly values: number[];
}

export const tensorOf = ({ values, shape, dtype }: Data): tf.Tensor =>
  tf.tensor(values, shape, dtype);

const base64 = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString('base64');

/** What `model.save` writes into a folder. */
export async function filesOf(model: LayersModel, includeOptimizer = false): Promise<Files> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
    { includeOptimizer },
  );
  const { weightSpecs, weightData, ...rest } = saved as tf.io.ModelArtifacts;
  const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
  const json = JSON.stringify({ ...rest, weightsManifest });
  return {
    'model.json': Buffer.from(json).toString('base64'),
    'weights.bin': base64(weightData as ArrayBuffer),
  };
}

const SERVER = 'http://server/';

/** The address of `model.json` for `fetchFrom`. */
export const ADDRESS: string = `${SERVER}model.json`;

/** A `fetch` from a server with these files, which answers with a page where there is none. */
export function fetchFrom(files: Files): typeof fetch {
  return async (path) => {
    const file = files[String(path).slice(SERVER.length)];
    if (file === undefined) return new Response('<h1>Not found</h1>', { status: 404 });
    return new Response(Buffer.from(file, 'base64'));
  };
}

/** `model.json` and the shards that it names, as from a server. */
export function serve(files: Files): tf.io.IOHandler {
  return tf.io.http(ADDRESS, { fetchFunc: fetchFrom(files) });
}

/** Loads files by tfjs' own loader. */
export const loadFiles = (files: Files): Promise<LayersModel> => loadLayersModel(serve(files));

/**
 * What a function of `stock-models.js` gives in a process that has tfjs and nothing of ours.
 *
 * @param timeout milliseconds after which the process is ended, and this rejects with `killed`
 */
export function inStockTfjs<Output>(
  call: string,
  input: object = {},
  timeout = 0,
): Promise<Output> {
  return inNewProcess(
    [],
    `const stock = await import(input.script);
     console.log(JSON.stringify(await stock.${call}));`,
    { script: new URL('./stock-models.js', import.meta.url).href, ...input },
    timeout,
  );
}
