/** What the page asks of the worker that stores. */
import { Session } from '../session/session.ts';
import type { Answer, Request, RequestName, Requests } from './messages.ts';

/** The browser did not store or load; `name` says why. */
class StorageError extends Error {
  constructor(name: string) {
    super(`the browser answered ${name}`);
    this.name = name;
  }
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | null = null;
let nextId = 1;

function start(): Worker {
  const started = new Worker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
    name: 'storage',
  });
  started.onmessage = ({ data }: MessageEvent<Answer>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('error' in data) asked?.reject(new StorageError(data.error));
    else asked?.resolve(data.value as never);
  };
  started.onerror = (event) => {
    event.preventDefault();
    started.terminate();
    worker = null;
    for (const { reject } of waiting.values()) reject(new StorageError('WorkerError'));
    waiting.clear();
  };
  return started;
}

function ask<Name extends RequestName>(
  name: Name,
  given: Requests[Name]['given'],
): Promise<Requests[Name]['answer']> {
  worker ??= start();
  const id = nextId++;
  worker.postMessage({ id, name, given } satisfies Request<Name>);
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
  });
}

export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The comparison that was saved last, from its latest checkpoint that is whole; null where there is none. */
export async function loadSession(): Promise<Session | null> {
  const stored = await ask('load', null);
  return stored && Session.from(stored.checkpoint, stored.log);
}

export async function saveSession(session: Session): Promise<void> {
  await ask('save', session.checkpoint());
}

/** Removes everything that is stored. */
export async function forget(): Promise<void> {
  await ask('forget', null);
}

/** Stores the file that a comparison learns. */
export async function saveText(bytes: Uint8Array): Promise<void> {
  await ask('saveText', bytes);
}

export const loadText = (): Promise<Uint8Array | null> => ask('loadText', null);

/** What a failure to save means to the person in front of the page. */
export function explainStorage(error: unknown): string {
  return (error as Error).name === 'QuotaExceededError'
    ? 'The browser has no room left for this page, so checkpoints are not saved.'
    : 'The browser lets this page keep nothing, so checkpoints are not saved.';
}
