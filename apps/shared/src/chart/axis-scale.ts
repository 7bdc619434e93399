/** From numbers to places on an axis. */
export interface Axis {
  /** What it shows, and in which unit. */
  readonly label: string;
  readonly log?: boolean;
  /** The numbers at the axis, which then ends with the first and last of them; by default round ones. */
  readonly ticks?: readonly number[];
  /** How a number at the axis reads; by default all have as many decimals as one of them needs. */
  readonly format?: (value: number) => string;
}

/** Where a number lies on an axis. */
export interface AxisScale {
  /** 0 at the lower end of the axis, 1 at the upper one. */
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Steps of 1, 2 or 5 times a power of ten, about `count` in a range. */
export function niceStep(range: number, count: number): number {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return power * (lead <= 1.5 ? 1 : lead <= 3.5 ? 2 : lead <= 7.5 ? 5 : 10);
}

function linear(low: number, high: number): AxisScale {
  const step = niceStep(high - low || Math.abs(low) || 1, 5);
  const [from, to] = [
    Math.floor(low / step),
    Math.max(Math.ceil(high / step), Math.floor(low / step) + 1),
  ];
  // Multiples of the step, not sums, so that rounding does not accumulate.
  const ticks = Array.from({ length: to - from + 1 }, (_, i) =>
    Number(((from + i) * step).toPrecision(12)),
  );
  return { ticks, at: (value) => (value / step - from) / (to - from) };
}

/** Powers of ten, with 2 and 5 times each where the values span less than two and a half of them. */
function logarithmic(low: number, high: number): AxisScale {
  const decades = (digits: readonly number[]): number[] => {
    const from = Math.floor(Math.log10(low));
    const powers = Array.from(
      { length: Math.ceil(Math.log10(high)) - from + 2 },
      (_, i) => from + i,
    );
    const all = powers.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
    const first = all.findLastIndex((tick) => tick <= low * (1 + 1e-12));
    const last = all.findIndex((tick) => tick >= high * (1 - 1e-12));
    return all.slice(first, Math.max(last, first + 1) + 1);
  };
  const isWide = Math.log10(high / low) >= 2.5;
  return withTicks(decades(isWide ? [1] : [1, 2, 5]), Math.log10);
}

/** From the first tick to the last one, under a function of both. */
function withTicks(ticks: readonly number[], f: (value: number) => number): AxisScale {
  const [from, to] = [f(ticks[0] as number), f(ticks.at(-1) as number)];
  return { ticks, at: (value) => (to === from ? 0.5 : (f(value) - from) / (to - from)) };
}

/** The scale of an axis that holds all values; those that it cannot show (not finite, or ≤ 0 under a logarithm) are left out. */
export function scaleFor(
  values: readonly number[],
  { log = false, ticks }: Pick<Axis, 'log' | 'ticks'>,
): AxisScale {
  if (ticks !== undefined) return withTicks(ticks, log ? Math.log10 : (value) => value);
  const shown = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  const [low, high] = shown.reduce(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  if (shown.length === 0) return log ? logarithmic(0.1, 1) : linear(0, 1);
  return log ? logarithmic(low, high) : linear(low, high);
}

/** The labels of an axis: each by itself under a logarithm, else by {@link tickTexts}. */
export const labelsOf = ({ log, format }: Axis, ticks: readonly number[]): string[] =>
  format !== undefined
    ? ticks.map(format)
    : log
      ? ticks.flatMap((tick) => tickTexts([tick]))
      : tickTexts(ticks);

/** The labels of ticks, all with as many decimals as one of them needs. */
export function tickTexts(values: readonly number[]): string[] {
  const shortest = (value: number): string => String(Number(value.toPrecision(6)));
  const isFar = values.some(
    (value) => value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3),
  );
  if (isFar) return values.map((value) => value.toExponential().replace('e+', 'e'));
  const decimals = Math.max(...values.map((value) => shortest(value).split('.')[1]?.length ?? 0));
  return values.map((value) => value.toFixed(decimals));
}
