/** The workers that train the runs of a comparison, one each. */
import type { RunResult } from '@tfjs-lrm/language-model';
import type { FromWorker, Job, Machine, Memory, ModelFiles, ToWorker } from '../worker/messages.ts';
import type { Plan } from './machine.ts';
import type { Session } from './session.ts';

/** What the page hears of. */
export interface Listener {
  readonly machine: (run: number, machine: Machine) => void;
  /** A run has reported steps; with a state, which is worth saving. */
  readonly progress: (run: number, memory: Memory, hasState: boolean) => void;
  readonly paused: (run: number) => void;
  readonly result: (run: number, result: RunResult) => void;
  readonly written: (run: number, text: string, isDone: boolean) => void;
  /** The worker is gone. The run can go on from its last state, unless training itself has failed. */
  readonly stopped: (run: number, why: string, canGoOn: boolean) => void;
}

const CHECKPOINT_EVERY = 50;
const LOOK_EVERY_MS = 5000;
/** A worker that is silent for so long is taken for dead: before its first report, and after it. */
const SILENT_AT_FIRST_MS = 90_000;
const SILENT_MS = 20_000;
const SILENT_STEPS = 10;

/** A model that was asked for. */
interface Fold {
  readonly run: number;
  readonly resolve: (files: ModelFiles) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  /** Looks at the clock since the last sign of life. Those are fewer in a tab that is hidden. */
  silentLooks: number;
}

export class Trainer {
  readonly #session: Session;
  readonly #text: Uint8Array;
  readonly #plan: Plan;
  readonly #listener: Listener;
  readonly #members: (Member | null)[];
  readonly #folds = new Map<number, Fold>();
  #isPaused: boolean;
  #nextId = 1;
  readonly #writing: number[];
  readonly #clock: number;

  /** Starts a worker for each run, from its state where it has one. */
  constructor(
    session: Session,
    text: Uint8Array,
    plan: Plan,
    isPaused: boolean,
    listener: Listener,
  ) {
    this.#session = session;
    this.#text = text;
    this.#plan = plan;
    this.#listener = listener;
    this.#isPaused = isPaused;
    this.#members = session.runs.map(() => null);
    this.#writing = session.runs.map(() => 0);
    for (const run of session.runs.keys()) this.#start(run);
    this.#clock = setInterval(() => this.#look(), LOOK_EVERY_MS) as unknown as number;
  }

  /** True while the worker of a run is there. */
  isThere = (run: number): boolean => this.#members[run] !== null;

  /** Lets a run whose worker is gone go on from its last state. */
  revive(run: number): void {
    if (!this.isThere(run)) this.#start(run);
  }

  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused;
    for (const run of this.#members.keys()) this.#send(run, { pause: isPaused });
  }

  /** Asks a run to go on from a prompt; what it wrote for an earlier one is dropped. */
  write(run: number, prompt: string, characters: number): void {
    const id = this.#nextId++;
    this.#writing[run] = id;
    this.#send(run, { write: { id, prompt, characters } });
  }

  /** The model of a run as it is now, without multipliers; rejects where its worker is gone. */
  fold(run: number): Promise<ModelFiles> {
    if (!this.isThere(run)) return Promise.reject(new Error('the worker of this model is gone'));
    const id = this.#nextId++;
    this.#send(run, { fold: { id } });
    return new Promise((resolve, reject) => {
      this.#folds.set(id, { run, resolve, reject });
    });
  }

  /** Ends all workers at once; the runs are back at their last states. */
  close(): void {
    clearInterval(this.#clock);
    for (const run of this.#members.keys()) this.#end(run);
  }

  #end(run: number): void {
    this.#members[run]?.worker.terminate();
    this.#members[run] = null;
    this.#session.rewind(run);
    for (const [id, fold] of this.#folds) {
      if (fold.run !== run) continue;
      this.#folds.delete(id);
      fold.reject(new Error('the worker of this model is gone'));
    }
  }

  #send(run: number, message: ToWorker): void {
    this.#members[run]?.worker.postMessage(message);
  }

  #start(run: number): void {
    const { settings, state } = this.#session.runs[run] as Session['runs'][number];
    const worker = new Worker(new URL('../worker/worker.ts', import.meta.url), {
      type: 'module',
      name: settings.name,
    });
    const member: Member = { worker, silentLooks: 0 };
    this.#members[run] = member;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      member.silentLooks = 0;
      this.#hear(run, data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#lose(run, event.message || 'its code could not be loaded', true);
    };
    const job: Job = {
      settings,
      text: this.#text,
      from: state,
      checkpointEvery: CHECKPOINT_EVERY,
      threads: this.#plan.threads,
      isPaused: this.#isPaused,
    };
    this.#send(run, { job });
  }

  #hear(run: number, message: FromWorker): void {
    if ('machine' in message) this.#listener.machine(run, message.machine);
    else if ('bands' in message) this.#session.bands = message.bands;
    else if ('progress' in message) {
      const hasState = this.#session.add(run, message.progress);
      this.#listener.progress(run, message.memory, hasState);
    } else if ('paused' in message) this.#listener.paused(run);
    else if ('result' in message) {
      this.#session.finish(run, message.result);
      this.#listener.result(run, message.result);
    } else if ('written' in message) {
      const { id, text, isDone } = message.written;
      if (id === this.#writing[run]) this.#listener.written(run, text, isDone);
    } else if ('folded' in message) {
      this.#folds.get(message.folded.id)?.resolve(message.folded.files);
      this.#folds.delete(message.folded.id);
    } else if ('error' in message) this.#lose(run, message.error, false);
  }

  #lose(run: number, why: string, canGoOn: boolean): void {
    this.#end(run);
    this.#listener.stopped(run, why, canGoOn);
  }

  #look(): void {
    for (const [run, member] of this.#members.entries()) {
      if (member === null) continue;
      const { msPerStep } = this.#session.runs[run] as Session['runs'][number];
      const silent = member.silentLooks++ * LOOK_EVERY_MS;
      const most =
        msPerStep === 0 ? SILENT_AT_FIRST_MS : Math.max(SILENT_MS, SILENT_STEPS * msPerStep);
      if (silent >= most) {
        const seconds = Math.round(silent / 1000);
        this.#lose(run, `it has not answered for ${seconds} seconds`, true);
      } else this.#send(run, { ping: true });
    }
  }
}
