/** A comparison as the page knows it: its settings, what each run has reported, and what a checkpoint holds of that. */
import {
  type Checkpoint,
  logLines,
  type Multipliers,
  type Progress,
  type RunResult,
  type RunSettings,
  type RunState,
  readLog,
  type ScaleBand,
  type Settings,
  type StepRecord,
} from '@tfjs-lrm/language-model';

/** One of the two runs. */
export interface Run {
  readonly settings: RunSettings;
  records: StepRecord[];
  /** How many of the records lie before the state. */
  committed: number;
  state: RunState | null;
  result: RunResult | null;
  validationLoss: number | null;
  msPerStep: number;
  multipliers: Multipliers | null;
}

/** Steps that a run has reported. */
export const stepsOf = ({ records }: Run): number => (records.at(-1)?.step ?? -1) + 1;

const emptyRun = (settings: RunSettings): Run => ({
  settings,
  records: [],
  committed: 0,
  state: null,
  result: null,
  validationLoss: null,
  msPerStep: 0,
  multipliers: null,
});

/** The multipliers in the weights of a state. */
function multipliersIn({ weights }: RunState): Multipliers {
  const of = (kind: string): number[] =>
    weights.flatMap(({ name, values }) =>
      name.endsWith(`/${kind}_multiplier`) ? Array.from(values) : [],
    );
  return { row: of('row'), column: of('column') };
}

export class Session {
  readonly settings: Settings;
  readonly runs: readonly Run[];
  /** Where noise and decay alone would put each matrix, once a worker has said so. */
  bands: Readonly<Record<string, ScaleBand>> = {};
  #seconds: number;
  #since: number | null = null;
  /** The log of the records that are committed. */
  readonly #log: Uint8Array[] = [];
  readonly #encoder = new TextEncoder();

  constructor(settings: Settings, seconds = 0) {
    this.settings = settings;
    this.runs = settings.runs.map(emptyRun);
    this.#seconds = seconds;
  }

  /** The comparison in a checkpoint, with the log that goes with it. */
  static from(checkpoint: Checkpoint, log: readonly Uint8Array[]): Session {
    const session = new Session(checkpoint.settings, checkpoint.seconds);
    session.#log.push(...log);
    const text = log.map((part) => new TextDecoder().decode(part)).join('');
    const records = readLog(text, checkpoint.settings.runs);
    for (const [i, run] of session.runs.entries()) {
      const { state = null, result = null } = checkpoint.runs[i] ?? {};
      run.records = records[i] ?? [];
      run.committed = run.records.length;
      run.state = state;
      run.result = result;
      run.validationLoss = state?.validationLoss ?? null;
      run.msPerStep = result?.msPerStep ?? 0;
      run.multipliers = result?.multipliers ?? (state && multipliersIn(state));
    }
    return session;
  }

  get isFinished(): boolean {
    return this.runs.every(({ result }) => result !== null);
  }

  /** Seconds of training so far. */
  get seconds(): number {
    return this.#seconds + (this.#since === null ? 0 : (performance.now() - this.#since) / 1000);
  }

  /** Starts or stops the clock. */
  set isTraining(isTraining: boolean) {
    this.#seconds = this.seconds;
    this.#since = isTraining ? performance.now() : null;
  }

  /** Takes what a run reports; true where it came with a state, which is worth saving. */
  add(index: number, progress: Progress): boolean {
    const run = this.runs[index] as Run;
    run.records.push(...progress.records);
    run.validationLoss = progress.validationLoss;
    run.msPerStep = progress.msPerStep;
    run.multipliers = progress.multipliers ?? run.multipliers;
    if (progress.state === undefined) return false;
    run.state = progress.state;
    const { name } = run.settings;
    this.#log.push(this.#encoder.encode(logLines(name, run.records.slice(run.committed))));
    run.committed = run.records.length;
    return true;
  }

  finish(index: number, result: RunResult): void {
    const run = this.runs[index] as Run;
    // A run that is loaded at its end takes no step, and so measures none.
    run.result = { ...result, msPerStep: result.msPerStep || run.msPerStep };
    run.multipliers = result.multipliers;
  }

  /** Forgets the steps after the state of a run, which it will take again. */
  rewind(index: number): void {
    const run = this.runs[index] as Run;
    run.records.length = run.committed;
    run.validationLoss = run.state?.validationLoss ?? null;
  }

  /** What a checkpoint holds, and the log that goes with it. */
  checkpoint(): { checkpoint: Checkpoint; log: readonly Uint8Array[] } {
    const { settings, seconds } = this;
    const log = [...this.#log];
    const logBytes = log.reduce((sum, { length }) => sum + length, 0);
    const runs = this.runs.map(({ state, result }) => ({ state, result }));
    return { checkpoint: { settings, seconds, logBytes, runs }, log };
  }

  /** Every step so far, as lines of JSON. */
  metrics(): string {
    return this.runs.map(({ settings, records }) => logLines(settings.name, records)).join('');
  }
}
