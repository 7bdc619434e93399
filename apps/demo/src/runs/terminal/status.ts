import { styleText } from 'node:util';
import type { Progress, RunSettings } from '@tfjs-lrm/language-model';
import type { RunFolder } from '../checkpoint/run-folder.ts';

const PLAIN_EVERY = 100;

/** Seconds as 45 s or 2 min 05 s. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60
    ? `${whole} s`
    : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** The parts that a narrow terminal leaves out, the first one first. */
const DROPPED_FIRST = ['tokens', 'rate', 'speed'] as const;

/** The state of a run as one line of at most `width` characters. */
export function statusLine(
  { name, preset }: RunSettings,
  progress: Progress | null,
  nameWidth: number,
  width: number,
): string {
  const label = name.padEnd(nameWidth);
  const last = progress?.records.at(-1);
  if (progress === null || last === undefined) return `${label}  waiting`.slice(0, width);
  const { msPerStep, validationLoss } = progress;
  const done = last.step + 1;
  const secondsLeft = ((preset.steps - done) * msPerStep) / 1000;
  const tokens = (preset.batch * preset.context * 1000) / msPerStep;
  const parts = new Map<string, string>([
    ['label', label],
    ['step', `step ${String(done).padStart(String(preset.steps).length)}/${preset.steps}`],
    ['loss', `loss ${last.loss.toFixed(3)}`],
    ['validation', `validation ${validationLoss?.toFixed(3) ?? '  -  '}`],
    ['rate', `rate ${last.learningRate.toExponential(1)}`],
    ['speed', `${msPerStep.toFixed(0)} ms/step`],
    ['tokens', `${(tokens / 1000).toFixed(1)}k tokens/s`],
    ['left', done === preset.steps ? 'done' : `${duration(secondsLeft)} left`],
  ]);
  const line = (): string => [...parts.values()].join('  ');
  for (const part of DROPPED_FIRST) if (line().length > width) parts.delete(part);
  return line().slice(0, width);
}

/** Shows the state of all runs: a block of lines that rewrites itself, or plain lines where there is no terminal. */
export class Status {
  readonly #runs: readonly RunSettings[];
  readonly #progress: (Progress | null)[];
  readonly #stream: NodeJS.WriteStream;
  readonly #nameWidth: number;
  #drawn = 0;

  constructor(
    folder: Pick<RunFolder, 'settings' | 'runs' | 'records'>,
    stream: NodeJS.WriteStream,
  ) {
    const { runs } = folder.settings;
    this.#runs = runs;
    this.#progress = folder.runs.map(
      ({ result }, i) => result && { records: folder.records[i] ?? [], ...result },
    );
    this.#stream = stream;
    this.#nameWidth = Math.max(...runs.map(({ name }) => name.length));
    if (stream.isTTY) this.#draw();
  }

  update(run: number, progress: Progress): void {
    this.#progress[run] = progress;
    const done = (progress.records.at(-1)?.step ?? -1) + 1;
    if (this.#stream.isTTY) this.#draw();
    else if (done % PLAIN_EVERY === 0 || done === this.#runs[run]?.preset.steps)
      this.#stream.write(`${this.#line(run, Infinity)}\n`);
  }

  #line(run: number, width: number): string {
    const settings = this.#runs[run] as RunSettings;
    return statusLine(settings, this.#progress[run] ?? null, this.#nameWidth, width);
  }

  #draw(): void {
    const width = this.#stream.columns || 80;
    const lines = this.#runs.map((_, run) => {
      const line = this.#line(run, width - 1);
      return this.#progress[run] === null ? styleText('dim', line) : line;
    });
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    this.#stream.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }
}
