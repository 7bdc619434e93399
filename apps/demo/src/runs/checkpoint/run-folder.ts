import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type FolderStore, folderStore, writeDurably } from '@tfjs-lrm/checkpoint/node';
import type { Logger } from '@tfjs-lrm/diagnostics';
import {
  type Checkpoint,
  logLines,
  logStep,
  type RunResult,
  type RunState,
  readLog,
  type Settings,
  type StepRecord,
  VERSION,
} from '@tfjs-lrm/language-model';
import { Mistake } from '@tfjs-lrm/shared';
import { append, latest } from './store.ts';

const SETTINGS = 'settings.json';
const METRICS = 'metrics.ndjson';
const CHECKPOINTS = 'checkpoints';

/** The checkpoints in the folder of a comparison. */
export const checkpointsOf = (path: string): FolderStore => folderStore(join(path, CHECKPOINTS));

/**
 * The folder of a comparison: settings.json, metrics.ndjson, checkpoints/, models/.
 *
 * A run's lines go into the log together with the state after them, so that log and checkpoint always belong
 * together; lines after the last state are held until then.
 */
export class RunFolder {
  readonly path: string;
  readonly settings: Settings;
  readonly runs: { state: RunState | null; result: RunResult | null }[];
  /** The lines of each run that the log has. */
  readonly records: StepRecord[][];
  readonly #held: StepRecord[][];
  /** Where the lines of each run go besides, once they are permanent. */
  readonly #loggers = new Map<number, Logger>();
  readonly #store: FolderStore;
  readonly #log: number;
  readonly #secondsBefore: number;
  readonly #began = performance.now();
  #logBytes: number;

  private constructor(path: string, settings: Settings, checkpoint: Checkpoint | null) {
    this.path = path;
    this.settings = settings;
    this.runs = settings.runs.map((_, i) => ({
      state: null,
      result: null,
      ...checkpoint?.runs[i],
    }));
    this.#held = settings.runs.map(() => []);
    this.#secondsBefore = checkpoint?.seconds ?? 0;
    this.#logBytes = checkpoint?.logBytes ?? 0;
    this.#store = checkpointsOf(path);
    this.#log = openSync(join(path, METRICS), existsSync(join(path, METRICS)) ? 'r+' : 'w+');
    ftruncateSync(this.#log, this.#logBytes);
    this.records = readLog(readFileSync(this.metricsFile, 'utf8'), settings.runs);
  }

  /** @throws Mistake when the path exists */
  static create(path: string, settings: Settings): RunFolder {
    refuseExisting(path);
    mkdirSync(path, { recursive: true });
    writeDurably(join(path, SETTINGS), [Buffer.from(`${JSON.stringify(settings, null, 2)}\n`)]);
    return new RunFolder(path, settings, null);
  }

  /**
   * Opens a folder to go on from its latest intact checkpoint, or from the start where there is none.
   *
   * @param warn called for checkpoints that are truncated or altered
   * @throws Mistake where there is no comparison, or one of another version, or no intact checkpoint
   */
  static open(path: string, warn: (message: string) => void): RunFolder {
    const settings = readSettings(path);
    const { checkpoint, broken } = latest(checkpointsOf(path));
    if (checkpoint === null && broken.length > 0)
      throw new Mistake(
        `no checkpoint in ${path} is whole: ${broken.join(', ')} cut off or altered. Restore one from a backup, or begin anew with another --out.`,
      );
    if (checkpoint !== null) checkCheckpoint(path, settings, checkpoint);
    for (const file of broken) warn(`${file} is cut off or altered: going on from the one before.`);
    return new RunFolder(path, settings, checkpoint);
  }

  get metricsFile(): string {
    return join(this.path, METRICS);
  }

  /** Where the folded model of a run goes. */
  modelFolder(run: number): string {
    const { name } = this.settings.runs[run] as Settings['runs'][number];
    return join(this.path, 'models', name.replaceAll(/[^\p{L}\p{N}.]+/gu, '-'));
  }

  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#began) / 1000;
  }

  /** Records steps; those that come with the state after them are permanent. */
  add(run: number, records: readonly StepRecord[], state: RunState | undefined): void {
    this.#held[run]?.push(...records);
    this.records[run]?.push(...records);
    if (state === undefined) return;
    const kept = this.#append(run);
    (this.runs[run] as { state: RunState }).state = state;
    this.save();
    const logger = this.#loggers.get(run);
    if (logger === undefined) return;
    for (const record of kept) logStep(logger, record);
    logger.flush();
  }

  finish(run: number, result: RunResult): void {
    (this.runs[run] as { result: RunResult }).result = result;
    this.save();
  }

  /** Sends the permanent lines of a run to a logger too, each once; it is closed with the folder. */
  attach(run: number, logger: Logger): void {
    this.#loggers.set(run, logger);
  }

  save(): void {
    // The log reaches the disk before the checkpoint that refers to it.
    fsyncSync(this.#log);
    const { settings, runs, seconds } = this;
    append(this.#store, { settings, runs, seconds, logBytes: this.#logBytes });
  }

  /** Writes the lines that are still held, for people to read; going on drops them again. */
  close(): void {
    try {
      for (const run of this.#held.keys()) this.#append(run);
    } finally {
      closeSync(this.#log);
      for (const logger of this.#loggers.values()) logger.close();
    }
  }

  /** Writes the lines of a run that are held. */
  #append(run: number): readonly StepRecord[] {
    const records = (this.#held[run] as StepRecord[]).splice(0);
    const { name } = this.settings.runs[run] as Settings['runs'][number];
    const bytes = Buffer.from(logLines(name, records));
    // One call of the system may take fewer.
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#log, bytes, done, bytes.length - done, this.#logBytes + done);
    this.#logBytes += bytes.length;
    return records;
  }
}

/** @throws Mistake for a path that exists, unless it is an empty folder */
export function refuseExisting(path: string): void {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory())
    throw new Mistake(`--out ${path} is a file. Give the name of a new folder.`);
  if (readdirSync(path).length > 0)
    throw new Mistake(
      `--out ${path} exists already, and nothing in it is overwritten. Give the name of a new folder, or go on with --resume ${path}.`,
    );
}

function readSettings(path: string): Settings {
  let text: string;
  try {
    text = readFileSync(join(path, SETTINGS), 'utf8');
  } catch {
    throw new Mistake(
      `--resume ${path}: there is no ${SETTINGS}, so nothing to go on with. Give the folder that an earlier run named.`,
    );
  }
  let settings: Partial<Settings> | null = null;
  try {
    settings = JSON.parse(text) as Partial<Settings>;
  } catch {
    // reported below
  }
  if (!Array.isArray(settings?.runs))
    throw new Mistake(`--resume ${path}: its ${SETTINGS} is not that of a run of this demo.`);
  checkVersion(path, settings as Settings);
  return settings as Settings;
}

function checkVersion(path: string, { version }: Settings): void {
  if (version !== VERSION)
    throw new Mistake(
      `--resume ${path}: it was made by another version of this demo (its form is ${version ?? 0}, this one's is ${VERSION}). Go on with that version, or begin anew with another --out.`,
    );
}

function checkCheckpoint(path: string, settings: Settings, checkpoint: Checkpoint): void {
  checkVersion(path, checkpoint.settings);
  if (!isDeepStrictEqual(checkpoint.settings, settings))
    throw new Mistake(
      `--resume ${path}: its checkpoint is of another model or another run than its ${SETTINGS} says. Put back the files that belong together, or begin anew with another --out.`,
    );
  const { size } = statSync(join(path, METRICS), { throwIfNoEntry: false }) ?? { size: 0 };
  if (size < checkpoint.logBytes)
    throw new Mistake(
      `--resume ${path}: its ${METRICS} is shorter (${size} bytes) than its checkpoint says (${checkpoint.logBytes}). Put back the file that belongs to it.`,
    );
}
