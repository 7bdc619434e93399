/** The text of a progress bar, as one line. */

/** How far training is. */
export interface Progress {
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps taken in this epoch, and their total; null where that is not known. */
  readonly step: number;
  readonly steps: number | null;
  /** Loss and metrics by name. */
  readonly values: Readonly<Record<string, number>>;
  readonly learningRate: number | null;
  readonly perSecond: number | null;
  /** What `perSecond` counts. */
  readonly unit: string;
  /** Seconds left for all epochs, null where that is not known; for a finished epoch, the seconds that it took. */
  readonly seconds: number | null;
  readonly isFinished: boolean;
}

const WIDEST_BAR = 20;
const NARROWEST_BAR = 5;

/** A number with four significant digits. */
export function inDigits(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0) return '0';
  return size < 1e-3 || size >= 1e5
    ? value.toExponential(2).replace('e+', 'e')
    : String(Number(value.toPrecision(4)));
}

/** 950, 1.2k, 34k, 5.6M. */
export function inThousands(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let [scaled, at] = [value, 0];
  while (scaled >= 999.5 && at < units.length - 1) {
    scaled /= 1000;
    at++;
  }
  return `${scaled >= 9.95 ? Math.round(scaled) : Number(scaled.toPrecision(2))}${units[at]}`;
}

/** 0:07, 12:34, 1:02:03. */
export function asTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`;
}

// Names come from a model, perhaps from a file: they must not move the cursor.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes.
const printable = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');

function barOf({ step, steps }: Progress, width: number): string {
  const full = Math.round((Math.min(step, steps as number) / (steps as number)) * width);
  return `[${'='.repeat(full)}${'-'.repeat(width - full)}]`;
}

/** The parts of a line; the last ones are dropped first where space is short. */
function partsOf(progress: Progress): string[] {
  const { values, learningRate, perSecond, unit, seconds, isFinished } = progress;
  const [loss, ...metrics] = Object.entries(values).map(
    ([name, value]) => `${printable(name)} ${inDigits(value)}`,
  );
  return [
    ...(loss === undefined ? [] : [loss]),
    ...(seconds === null ? [] : [isFinished ? asTime(seconds) : `${asTime(seconds)} left`]),
    ...metrics,
    ...(perSecond === null ? [] : [`${inThousands(perSecond)} ${unit}/s`]),
    ...(learningRate === null ? [] : [`rate ${inDigits(learningRate)}`]),
  ];
}

/**
 * A line of at most `width` characters. Where space is short, the rate is dropped first, then the speed, the metrics,
 * the time and the loss. The bar takes the remaining space.
 */
export function lineOf(progress: Progress, width: number): string {
  const { epoch, epochs, step, steps } = progress;
  const head = `Epoch ${epoch}/${epochs}`;
  const count = steps === null ? `step ${step}` : `${step}/${steps}`;
  const parts = [count, ...partsOf(progress)];
  const lengthOf = (): number =>
    head.length + parts.reduce((sum, part) => sum + 2 + part.length, 0);
  while (parts.length > 0 && lengthOf() > width) parts.pop();
  const room = Math.min(width - lengthOf() - 4, WIDEST_BAR);
  const hasBar = steps !== null && !progress.isFinished && room >= NARROWEST_BAR;
  return [head, ...(hasBar ? [barOf(progress, room)] : []), ...parts].join('  ').slice(0, width);
}

/** The line with its head in bold and its bar in green. */
export const colored = (line: string): string =>
  line
    .replace(/^Epoch \S+/, '\u001b[1m$&\u001b[22m')
    .replace(/ {2}\[[=-]+\]/, '\u001b[32m$&\u001b[39m');
