/** Where a model comes from: the bytes of one file, or a handler of tfjs. */
import * as tf from '@tensorflow/tfjs-core';
import { show } from '@tfjs-lrm/core/kit';
import { isLocal, readLocal } from './local-files.ts';

/**
 * What `loadModel` loads from: the path or URL of a `model.json`, a `.keras` or an `.h5` file; the bytes of a `.keras` or
 * `.h5` file, or the `File` that holds them; or a handler of tfjs.
 */
export type ModelSource = string | tf.io.IOHandler | Blob | ArrayBuffer | Uint8Array;

type Fetch = NonNullable<tf.io.LoadOptions['fetchFunc']>;

/** A fetch that fails where a server does not have the file: tfjs takes the error page for weights. */
export function checkedFetch(fetchFunc: Fetch): Fetch {
  return async (path, init) => {
    const response = await fetchFunc(path, init);
    if (response.status < 400) return response;
    throw new Error(`${String(path)} was answered with status ${response.status}.`);
  };
}

export const fetchOf = ({ fetchFunc }: tf.io.LoadOptions): Fetch =>
  checkedFetch(fetchFunc ?? (tf.util.fetch as Fetch));

/** Whether an address names a file of Keras, whatever query follows, or in a query as `?file=model.keras`. */
function isKerasAddress(address: string): boolean {
  const [whole = ''] = address.split('#');
  const [path = ''] = whole.split('?');
  return [path, whole].some((each) => /\.(keras|h5|hdf5)$/i.test(each)) && !/\.json$/i.test(path);
}

async function fetched(address: string, options: tf.io.LoadOptions): Promise<Uint8Array> {
  const response = await fetchOf(options)(address, options.requestInit);
  options.onProgress?.(0);
  const length = Number(response.headers.get('content-length'));
  if (options.onProgress === undefined || response.body === null || !(length > 0)) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    options.onProgress?.(1);
    return bytes;
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value as Uint8Array<ArrayBuffer>);
    received += value.length;
    // The length is that of the compressed body, where the server compresses it.
    options.onProgress(Math.min(1, received / length));
  }
  options.onProgress(1);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/**
 * The bytes of a single file; null for a source of another kind.
 *
 * @throws whatever the fetch or the disk throws
 */
export async function bytesOf(
  source: ModelSource,
  options: tf.io.LoadOptions,
): Promise<Uint8Array | null> {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Uint8Array) return source;
  if (typeof Blob !== 'undefined' && source instanceof Blob) {
    return new Uint8Array(await source.arrayBuffer());
  }
  if (typeof source !== 'string') return null;
  if (isLocal(source)) return isKerasAddress(source) ? await readLocal(source) : null;
  return isKerasAddress(source) ? await fetched(source, options) : null;
}

export function checkSource(source: unknown): asserts source is ModelSource {
  const isBytes = source instanceof ArrayBuffer || source instanceof Uint8Array;
  const isBlob = typeof Blob !== 'undefined' && source instanceof Blob;
  const isHandler = typeof (source as { load?: unknown } | null)?.load === 'function';
  if (typeof source === 'string' || isBytes || isBlob || isHandler) return;
  throw new TypeError(
    `loadModel: the source must be a path, a URL, a File, bytes, or a handler that loads. Received ${show(source)}. Try tf.io.fromMemory({ modelTopology, weightSpecs, weightData }).`,
  );
}
