import { styleText } from 'node:util';
import type { RunSettings } from './presets.ts';
import type { Progress } from './train.ts';

const PLAIN_EVERY = 100;

/** Seconds as 45 s or 2 min 05 s. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60
    ? `${whole} s`
    : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** Where a run stands, as one line. */
export function statusLine(
  { name, preset }: RunSettings,
  progress: Progress | null,
  nameWidth: number,
): string {
  const label = name.padEnd(nameWidth);
  const last = progress?.records.at(-1);
  if (progress === null || last === undefined) return `${label}  waiting`;
  const done = last.step + 1;
  const left = ((preset.steps - done) * progress.msPerStep) / 1000;
  const tokens = (preset.batch * preset.context * 1000) / progress.msPerStep;
  return [
    label,
    `step ${String(done).padStart(String(preset.steps).length)}/${preset.steps}`,
    `loss ${last.loss.toFixed(3)}`,
    `validation ${Number.isNaN(progress.validationLoss) ? '  -  ' : progress.validationLoss.toFixed(3)}`,
    `rate ${last.learningRate.toExponential(1)}`,
    `${progress.msPerStep.toFixed(0)} ms/step`,
    `${(tokens / 1000).toFixed(1)}k tokens/s`,
    done === preset.steps ? 'done' : `${duration(left)} left`,
  ].join('  ');
}

/** Shows how all runs stand: a block of lines that rewrites itself, or plain lines where there is no terminal. */
export class Status {
  readonly #runs: readonly RunSettings[];
  readonly #progress: (Progress | null)[];
  readonly #stream: NodeJS.WriteStream;
  readonly #nameWidth: number;
  #drawn = 0;

  constructor(runs: readonly RunSettings[], stream: NodeJS.WriteStream) {
    this.#runs = runs;
    this.#progress = runs.map(() => null);
    this.#stream = stream;
    this.#nameWidth = Math.max(...runs.map(({ name }) => name.length));
    if (stream.isTTY) this.#draw();
  }

  update(run: number, progress: Progress): void {
    this.#progress[run] = progress;
    const done = (progress.records.at(-1)?.step ?? -1) + 1;
    if (this.#stream.isTTY) this.#draw();
    else if (done % PLAIN_EVERY === 0 || done === this.#runs[run]?.preset.steps)
      this.#stream.write(`${this.#line(run)}\n`);
  }

  #line(run: number): string {
    return statusLine(this.#runs[run] as RunSettings, this.#progress[run] ?? null, this.#nameWidth);
  }

  #draw(): void {
    const width = this.#stream.columns || 80;
    const lines = this.#runs.map((_, run) => {
      const line = this.#line(run).slice(0, width - 1);
      return this.#progress[run] === null ? styleText('dim', line) : line;
    });
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    this.#stream.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }
}
