import { checkOptions, numberRule, show } from '@tfjs-lrm/core/kit';
import type { Position, SavedCheckpoint } from './content.ts';
import { decode, encode } from './format.ts';
import { notJson } from './json.ts';
import { checkTrained, putState, type Trained, takeState } from './state.ts';
import type { CheckpointStore } from './store.ts';

function checkStore(where: string, store: unknown): void {
  const candidate = store as Partial<CheckpointStore> | null | undefined;
  const isStore = (['list', 'read', 'write', 'remove'] as const).every(
    (name) => typeof candidate?.[name] === 'function',
  );
  if (!isStore)
    throw new TypeError(
      `${where}: the store must have list, read, write and remove. Received ${show(store)}. Try folderStore(path) of @tfjs-lrm/checkpoint/node, or indexedDBStore(name).`,
    );
}

/**
 * Saves a model, its optimizer and the position of the run, and removes all checkpoints but the last `keep`.
 *
 * The new checkpoint is complete in the store before an old one is removed. A failure leaves all earlier ones.
 *
 * @returns the number of the checkpoint: 1 for the first one in a store, then one more each time
 * @throws TypeError or RangeError for a wrong argument; Error where a weight is not finite or the store cannot write.
 *   Nothing is written then
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { folderStore } from '@tfjs-lrm/checkpoint/node';
 * const store = folderStore(mkdtempSync(join(tmpdir(), 'run-'))); // in a browser: indexedDBStore('first run')
 * await saveCheckpoint(store, { model, optimizer, step: 100, extra: { epoch: 2 } });
 */
export async function saveCheckpoint(
  store: CheckpointStore,
  run: Trained & Position,
  options: {
    /** How many checkpoints are kept, at least 1; 3 by default. */
    readonly keep?: number;
  } = {},
): Promise<number> {
  const where = 'saveCheckpoint';
  checkStore(where, store);
  checkTrained(where, run);
  const { step, extra = null } = run;
  if (!Number.isSafeInteger(step) || step < 0)
    throw new RangeError(
      `${where}: step must be a whole number >= 0. Received ${show(step)}. Try the number of steps that are done.`,
    );
  const problem = notJson(extra, 'extra');
  if (problem !== null)
    throw new TypeError(
      `${where}: extra must be what JSON holds exactly. Received: ${problem}. Try arrays, plain objects, strings and finite numbers.`,
    );
  checkOptions(where, options, { keep: numberRule({ min: 1, integer: true, try: '3' }) });
  const { keep = 3 } = options;

  const parts = await encode({ step, extra, ...(await takeState(run)) });
  const numbers = await store.list();
  const number = (numbers.at(-1) ?? 0) + 1;
  await store.write(number, parts);
  for (const old of keep === 1 ? numbers : numbers.slice(0, 1 - keep)) await store.remove(old);
  return number;
}

/**
 * Reads the last intact checkpoint of a store; null where there is none yet.
 *
 * @throws Error where there are checkpoints but none is intact, or where the last intact one was written by a later
 *   version of this package
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { folderStore } from '@tfjs-lrm/checkpoint/node';
 * const store = folderStore(mkdtempSync(join(tmpdir(), 'run-'))); // in a browser: indexedDBStore('first run')
 * const last = await lastCheckpoint(store); // null: nothing was saved yet
 */
export async function lastCheckpoint(store: CheckpointStore): Promise<SavedCheckpoint | null> {
  checkStore('lastCheckpoint', store);
  const numbers = (await store.list()).toReversed();
  const damaged: number[] = [];
  for (const number of numbers) {
    const content = await decode(await store.read(number), `number ${number} of ${store.name}`);
    if (content !== null) return { ...content, number, damaged };
    damaged.push(number);
  }
  if (numbers.length === 0) return null;
  throw new Error(
    `lastCheckpoint: no checkpoint of ${store.name} is whole: ${damaged.join(', ')} cut off or altered. Restore one from a backup, or begin anew in another store.`,
  );
}

/**
 * Restores the last intact checkpoint of a store into a model and its optimizer, built as they were when it was saved,
 * and returns it with the position of the run; null, with nothing changed, where there is none yet.
 *
 * @throws Error, before anything changes, where the checkpoint belongs to another model or optimizer, and whatever
 *   `lastCheckpoint` throws
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { folderStore } from '@tfjs-lrm/checkpoint/node';
 * const store = folderStore(mkdtempSync(join(tmpdir(), 'run-'))); // in a browser: indexedDBStore('first run')
 * const from = await loadCheckpoint(store, { model, optimizer });
 * for (let step = from?.step ?? 0; step < 10; step++) await model.trainOnBatch(x, y);
 */
export async function loadCheckpoint(
  store: CheckpointStore,
  trained: Trained,
): Promise<SavedCheckpoint | null> {
  checkStore('loadCheckpoint', store);
  checkTrained('loadCheckpoint', trained);
  const checkpoint = await lastCheckpoint(store);
  if (checkpoint !== null) await putState(checkpoint, trained);
  return checkpoint;
}
