/** Saves a comparison when it has changed, one checkpoint at a time, from one tab at a time. */
import { explainStorage, saveSession } from '../storage/storage.ts';
import type { Session } from './session.ts';

const LOCK = 'tfjs-lrm web app';

export interface SaverEvents {
  /** Checkpoints are not saved, for a reason in a sentence. */
  readonly failed: (reason: string) => void;
  readonly saved: () => void;
  /** The tab that saved until now was closed, and this one saves from now on. */
  readonly tookOver: () => void;
}

/** Asks for the lock. A browser that denies locks keeps nothing either, so there is nothing to overwrite. */
const requestLock = (options: LockOptions, hold: LockGrantedCallback<unknown>): void => {
  void navigator.locks?.request(LOCK, options, hold).catch(() => hold({} as Lock));
};

/** Held until the tab closes. */
const untilClosed = (): Promise<never> => new Promise(() => {});

export class Saver {
  readonly #events: SaverEvents;
  #isSaving = false;
  #next: Session | null = null;
  /** Another tab saves; two would overwrite each other's. */
  #isOthers = false;

  constructor(events: SaverEvents) {
    this.#events = events;
  }

  /** Takes the right to save, which one tab has at a time, now or when the tab that has it is closed. */
  async open(): Promise<void> {
    if (navigator.locks === undefined) return;
    this.#isOthers = !(await new Promise<boolean>((resolve) => {
      requestLock({ ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : untilClosed();
      });
    }));
    if (!this.#isOthers) return;
    this.#events.failed('This page is open in another tab, and only that one saves checkpoints.');
    requestLock({}, () => {
      this.#isOthers = false;
      this.#events.tookOver();
      return untilClosed();
    });
  }

  /** Prepares the store for a new comparison. */
  async begin(prepare: () => Promise<void>): Promise<void> {
    if (this.#isOthers) return;
    void navigator.storage?.persist?.().catch(() => false);
    try {
      await prepare();
    } catch (error) {
      this.report(error);
    }
  }

  report(error: unknown): void {
    this.#events.failed(explainStorage(error));
  }

  /** Saves a comparison, and again when it has changed meanwhile. */
  async save(session: Session | null): Promise<void> {
    if (session === null || this.#isOthers) return;
    this.#next = session;
    if (this.#isSaving) return;
    this.#isSaving = true;
    while (this.#next !== null) {
      const current: Session = this.#next;
      this.#next = null;
      try {
        await saveSession(current);
        this.#events.saved();
      } catch (error) {
        this.report(error);
      }
    }
    this.#isSaving = false;
  }
}
