/** Keeps a comparison in IndexedDB: checkpoints of both runs together with the log, and the text where it is a file. */
import { indexedDBStore } from '@tfjs-lrm/checkpoint';
import { decodeCheckpoint, encodeCheckpoint, splitDigest, VERSION } from '@tfjs-lrm/language-model';
import { Session } from './session.ts';

const KEPT = 2;

const checkpoints = indexedDBStore('web app');
const texts = indexedDBStore('web app text');

async function digestOf(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const bytes = await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

export const sha256 = async (bytes: Uint8Array): Promise<string> =>
  Array.from(await digestOf([bytes]), (byte) => byte.toString(16).padStart(2, '0')).join('');

async function decode(bytes: Uint8Array): Promise<Session | null> {
  const split = splitDigest(bytes);
  if (split === null) return null;
  const digest = await digestOf([split.content]);
  if (!digest.every((byte, i) => byte === split.digest[i])) return null;
  const { checkpoint, rest } = decodeCheckpoint(split.content);
  return checkpoint.settings.version === VERSION ? Session.from(checkpoint, rest) : null;
}

/** The comparison that was saved last, from its latest checkpoint that is whole; null where there is none. */
export async function loadSession(): Promise<Session | null> {
  for (const number of [...(await checkpoints.list())].reverse()) {
    const session = await decode(await checkpoints.read(number));
    if (session !== null) return session;
  }
  return null;
}

/** Writes a checkpoint, and removes all but the last two. */
export async function saveSession(session: Session): Promise<void> {
  const { checkpoint, log } = session.checkpoint();
  const parts = encodeCheckpoint(checkpoint, log);
  const numbers = await checkpoints.list();
  await checkpoints.write((numbers.at(-1) ?? 0) + 1, [...parts, await digestOf(parts)]);
  for (const number of numbers.slice(0, 1 - KEPT)) await checkpoints.remove(number);
}

/** Forgets everything that is kept. */
export async function forget(): Promise<void> {
  for (const store of [checkpoints, texts])
    for (const number of await store.list()) await store.remove(number);
}

/** Keeps the file that a comparison learns. */
export const saveText = async (bytes: Uint8Array): Promise<void> => texts.write(1, [bytes]);

export const loadText = async (): Promise<Uint8Array | null> =>
  (await texts.list()).includes(1) ? texts.read(1) : null;

/** What a failure to save means to the person in front of the page. */
export function explainStorage(error: unknown): string {
  const { name = '' } = ((error as Error).cause ?? error) as Error;
  return name === 'QuotaExceededError'
    ? 'The browser has no room left for this page, so checkpoints are not saved.'
    : 'The browser lets this page keep nothing, so checkpoints are not saved.';
}
