/** Converts models between the files of Keras and those of tfjs. */
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { loadModel } from '../load-model.ts';
import { modelToKeras } from '../model-to-keras.ts';
import { layersBeyondTfjs, sharedNames, tfjsFiles } from './tfjs-folder.ts';

/** A mistake of the person who typed the command. */
export class UsageError extends Error {}

export interface ConvertOptions {
  /** Whether files that exist are replaced. */
  readonly force: boolean;
  /** Takes a line for the reader. */
  readonly log: (line: string) => void;
  /** Takes what is being done, and which part of it is done; on a terminal the next one replaces it. */
  readonly progress: (what: string, fraction: number) => void;
}

/** Each write is at most this long, so that its progress can be seen. */
const WRITE_BYTES = 16 * 1024 * 1024;

const sizeText = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

function checkFree(paths: readonly string[], force: boolean): void {
  const existing = paths.find((path) => existsSync(path));
  if (existing === undefined || force) return;
  throw new UsageError(
    `convert: ${existing} exists. Give another place, or --force to replace it.`,
  );
}

/** Writes all files, or none: each under another name first. */
async function writeAll(
  files: ReadonlyMap<string, Uint8Array>,
  { progress }: ConvertOptions,
): Promise<void> {
  const total = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  const temporary = new Map([...files.keys()].map((path) => [path, `${path}.${process.pid}.part`]));
  let written = 0;
  try {
    for (const [path, data] of files) {
      const file = await open(temporary.get(path) as string, 'w');
      try {
        for (let at = 0; at < data.length; at += WRITE_BYTES) {
          const part = data.subarray(at, at + WRITE_BYTES);
          await file.writeFile(part);
          written += part.length;
          progress('writing', written / total);
        }
      } finally {
        await file.close();
      }
    }
    for (const [path, part] of temporary) await rename(part, path);
  } finally {
    for (const part of temporary.values()) await rm(part, { force: true });
  }
}

async function toTfjs(model: LayersModel, folder: string, options: ConvertOptions): Promise<void> {
  const [shared] = sharedNames(model);
  if (shared !== undefined) {
    throw new RangeError(
      `convert: the layers of tfjs must have different names, also those of nested models. Received "${shared}" twice. Rename a layer in Keras, and save again.`,
    );
  }
  const files = new Map(
    [...(await tfjsFiles(model))].map(([name, data]) => [join(folder, name), data]),
  );
  checkFree([...files.keys()], options.force);
  const isNew = !existsSync(folder);
  await mkdir(folder, { recursive: true });
  try {
    await writeAll(files, options);
  } catch (error) {
    if (isNew) await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  options.log(
    `wrote ${join(folder, 'model.json')} and ${files.size - 1} of weights, ${sizeText(bytes)}`,
  );
  const beyond = layersBeyondTfjs(model);
  options.log(
    beyond.length === 0
      ? 'tf.loadLayersModel reads it'
      : `tf.loadLayersModel alone lacks ${beyond.join(', ')}: load it with loadModel of @tfjs-lrm/loading`,
  );
}

async function toKerasFile(
  model: LayersModel,
  path: string,
  options: ConvertOptions,
): Promise<void> {
  checkFree([path], options.force);
  const bytes = await modelToKeras(model);
  await mkdir(dirname(path), { recursive: true });
  await writeAll(new Map([[path, bytes]]), options);
  options.log(`wrote ${path}, ${sizeText(bytes.length)}`);
}

/**
 * Converts a `.keras`, `.h5` or `model.json` file.
 *
 * @param to a folder for `model.json` and its weights, or the path of a `.keras` file
 * @throws UsageError for places that do not fit, or that hold files already; what `loadModel` throws
 */
export async function convert(from: string, to: string, options: ConvertOptions): Promise<void> {
  const isToKeras = /\.keras$/i.test(to);
  if (/\.(h5|hdf5|json|safetensors)$/i.test(to)) {
    throw new UsageError(
      `convert: the result must be a folder, or a .keras file. Received ${to}. Try ${basename(from).replace(/\.[^.]*$/, '')}.keras.`,
    );
  }
  const info = await stat(from).catch(() => {
    throw new UsageError(`convert: ${from} does not exist.`);
  });
  if (info.isDirectory()) {
    throw new UsageError(`convert: ${from} must be a file. Try ${join(from, 'model.json')}.`);
  }
  // Before the work; the names of the weight files are known only then.
  checkFree([isToKeras ? to : join(to, 'model.json')], options.force);
  if (!isToKeras && existsSync(to) && !(await stat(to)).isDirectory()) {
    throw new UsageError(`convert: ${to} must be a folder, or a .keras file.`);
  }
  options.progress('reading', 0);
  const model = await loadModel(from);
  const values = model.weights.reduce(
    (sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]),
    0,
  );
  options.log(
    `read ${from}: ${model.layers.length} layers, ${values.toLocaleString('en')} weights`,
  );
  try {
    await (isToKeras ? toKerasFile(model, to, options) : toTfjs(model, to, options));
  } finally {
    model.dispose();
  }
}
