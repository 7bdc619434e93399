/**
 * Stores a comparison in IndexedDB: checkpoints of both runs together with the log, and the text where it is a file.
 * A worker, since encoding, digesting and copying the states of the larger preset takes longer than a frame.
 */
import { indexedDBStore } from '@tfjs-lrm/checkpoint';
import { decodeCheckpoint, encodeCheckpoint, splitDigest, VERSION } from '@tfjs-lrm/language-model';
import type { Answer, Request, RequestName, Requests, Stored } from './messages.ts';

const KEPT = 2;

const checkpoints = indexedDBStore('web app');
const texts = indexedDBStore('web app text');

async function digestOf(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const bytes = await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

async function decode(bytes: Uint8Array): Promise<Stored | null> {
  const split = splitDigest(bytes);
  if (split === null) return null;
  const digest = await digestOf([split.content]);
  if (!digest.every((byte, i) => byte === split.digest[i])) return null;
  const { checkpoint, rest } = decodeCheckpoint(split.content);
  return checkpoint.settings.version === VERSION ? { checkpoint, log: [rest] } : null;
}

const SERVE: {
  readonly [Name in RequestName]: (
    given: Requests[Name]['given'],
  ) => Promise<Requests[Name]['answer']>;
} = {
  /** Writes a checkpoint, and removes all but the last two. */
  async save({ checkpoint, log }) {
    const parts = encodeCheckpoint(checkpoint, log);
    const numbers = await checkpoints.list();
    await checkpoints.write((numbers.at(-1) ?? 0) + 1, [...parts, await digestOf(parts)]);
    for (const number of numbers.slice(0, 1 - KEPT)) await checkpoints.remove(number);
    return null;
  },
  async load() {
    for (const number of [...(await checkpoints.list())].reverse()) {
      // Another tab may have removed it meanwhile.
      const bytes = await checkpoints.read(number);
      const stored = bytes && (await decode(bytes));
      if (stored) return stored;
    }
    return null;
  },
  async saveText(bytes) {
    await texts.write(1, [bytes]);
    return null;
  },
  async loadText() {
    return (await texts.list()).includes(1) ? texts.read(1) : null;
  },
  async forget() {
    for (const store of [checkpoints, texts])
      for (const number of await store.list()) await store.remove(number);
    return null;
  },
};

const send = (answer: Answer): void => postMessage(answer);

async function answer<Name extends RequestName>({ id, name, given }: Request<Name>): Promise<void> {
  try {
    send({ id, value: await SERVE[name](given) });
  } catch (error) {
    const { name: reason } = ((error as Error).cause ?? error) as Error;
    send({ id, error: reason });
  }
}

/** One request after the other, so that removing everything also removes what is being saved. */
let last: Promise<void> = Promise.resolve();

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  last = last.then(() => answer(data));
});
