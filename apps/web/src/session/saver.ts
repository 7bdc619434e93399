/** Saves a comparison when it has changed, one checkpoint at a time. */
import type { Session } from './session.ts';
import { explainStorage, saveSession } from './storage.ts';

const LOCK = 'tfjs-lrm web app';

export class Saver {
  readonly #failed: (text: string) => void;
  readonly #worked: () => void;
  #isSaving = false;
  #next: Session | null = null;
  /** Another tab saves; two would overwrite each other's. */
  #isOthers = false;

  constructor(failed: (text: string) => void, worked: () => void) {
    this.#failed = failed;
    this.#worked = worked;
  }

  /** Takes the right to save, which one tab has at a time. */
  async open(): Promise<void> {
    if (navigator.locks === undefined) return;
    await new Promise<void>((resolve) => {
      void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
        this.#isOthers = lock === null;
        resolve();
        // Held until the tab closes.
        return lock === null ? undefined : new Promise(() => {});
      });
    });
    if (this.#isOthers)
      this.#failed('This page is open in another tab, and only that one saves checkpoints.');
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
    this.#failed(explainStorage(error));
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
        this.#worked();
      } catch (error) {
        this.report(error);
      }
    }
    this.#isSaving = false;
  }
}
