/** Measures the paths of a model beside the peaks of the machine, all in turn, and relates each round to its own floor. */
import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { inTurn, type Runner, ratios } from '../runner.ts';
import { type Summary, summarize } from '../statistics.ts';
import { makeStep } from '../workloads.ts';
import { type Amount, count, sum } from './count.ts';
import {
  type Engine,
  type ModelName,
  PATHS,
  type Path,
  startPath,
  startPeak,
  workOf,
} from './paths.ts';
import { type Peak, WORK } from './peaks.ts';

export interface Conditions {
  readonly python: string;
  readonly rounds: number;
  /** Whether times are those of a process on all its threads, for a machine that others use too. */
  readonly isCpuTime: boolean;
}

export interface Row {
  readonly path: string;
  readonly engine: Engine;
  readonly ms: Summary;
  /** Of the time that the products of the step take at the peak of the engine. */
  readonly ofProducts: Summary;
  /** Of the floor of the engine, products and memory. */
  readonly ofFloor: Summary;
  /** Of PyTorch; null without it. */
  readonly ofPyTorch: Summary | null;
  /** With multipliers, of the same path without; null where there is no form with them. */
  readonly multipliers: Summary | null;
}

export interface Floor {
  /** GFLOP a second of products, GB a second of memory. */
  readonly product: number;
  readonly sum: number;
  /** Milliseconds a step. */
  readonly products: number;
  readonly memory: number;
}

export interface Report {
  readonly model: ModelName;
  readonly amounts: ReadonlyMap<string, Amount>;
  readonly floors: Readonly<Record<Engine, Floor>>;
  readonly rows: readonly Row[];
}

const ENGINES: readonly Engine[] = ['native', 'wasm'];
const PEAKS: readonly Peak[] = ['product', 'sum'];
/** How long a round of one runner should take. */
const ROUND_MS = 300;
const MOST_STEPS = 200;

/** The kernels of one step, operation by operation, after one that makes the optimizer's state. */
export async function amountsOf(model: ModelName): Promise<ReadonlyMap<string, Amount>> {
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  enableTraining();
  const work = workOf(model, false);
  const step = await makeStep({ ...work, backend: 'wasm', kernels: true });
  await step();
  return count('wasm', step);
}

interface Started {
  readonly runner: Runner;
  /** Steps of a round. */
  readonly steps: number;
}

async function calibrated(runner: Runner): Promise<Started> {
  const ms = await runner.round(2);
  return { runner, steps: Math.max(1, Math.min(MOST_STEPS, Math.round(ROUND_MS / ms))) };
}

/** Milliseconds a step of an engine's peak, round by round, as times of a step's amounts. */
function floorTimes(
  { flop, bytes }: Amount,
  product: readonly number[],
  sums: readonly number[],
): { readonly products: number[]; readonly floor: number[] } {
  const products = product.map((ms) => (flop / WORK.product) * ms);
  const floor = products.map((ms, i) => ms + (bytes / WORK.sum) * (sums[i] as number));
  return { products, floor };
}

export async function measureModel(
  model: ModelName,
  conditions: Conditions,
  log: (line: string) => void,
): Promise<Report> {
  const amounts = await amountsOf(model);
  const total = sum(amounts.values());
  const started = new Map<string, Started>();
  const start = async (key: string, runner: () => Promise<Runner | null>): Promise<void> => {
    try {
      const running = await runner();
      if (running !== null) started.set(key, await calibrated(running));
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      log(`skipped: ${key}: ${reason}`);
    }
  };
  try {
    for (const engine of ENGINES) {
      for (const peak of PEAKS)
        await start(`${engine} ${peak}`, () => startPeak(engine, peak, conditions.isCpuTime));
    }
    for (const path of PATHS) {
      if (path.without?.includes(model)) continue;
      for (const multipliers of [false, true])
        await start(keyOf(path, multipliers), () =>
          startPath(path, model, multipliers, conditions),
        );
    }
    const measured = await inTurn([...started.values()], conditions.rounds);
    const times = new Map([...started.keys()].map((key, i) => [key, measured[i] as number[]]));
    return { model, amounts, ...related(total, times) };
  } finally {
    for (const { runner } of started.values()) runner.stop();
  }
}

const keyOf = ({ label }: Path, multipliers: boolean): string =>
  multipliers ? `${label}, with multipliers` : label;

/** Floors and rows from milliseconds a step, round by round. */
export function related(
  total: Amount,
  times: ReadonlyMap<string, readonly number[]>,
): Pick<Report, 'floors' | 'rows'> {
  const timesOf = (key: string): readonly number[] => times.get(key) ?? [];
  const relative = Object.fromEntries(
    ENGINES.filter((engine) => times.has(`${engine} product`)).map((engine) => [
      engine,
      floorTimes(total, timesOf(`${engine} product`), timesOf(`${engine} sum`)),
    ]),
  ) as Record<Engine, ReturnType<typeof floorTimes>>;
  const floors = Object.fromEntries(
    Object.entries(relative).map(([engine, { products, floor }]) => [
      engine,
      {
        product: WORK.product / summarize(timesOf(`${engine} product`)).median / 1e6,
        sum: WORK.sum / summarize(timesOf(`${engine} sum`)).median / 1e6,
        products: summarize(products).median,
        memory: summarize(floor.map((ms, i) => ms - (products[i] as number))).median,
      },
    ]),
  ) as Record<Engine, Floor>;
  const pyTorch = times.get('PyTorch, eager');
  const rows = PATHS.flatMap((path): Row[] => {
    const [plain, multiplied] = [false, true].map((m) => times.get(keyOf(path, m)));
    const { engine, label } = path;
    if (plain === undefined || relative[engine] === undefined) return [];
    const { products, floor } = relative[engine];
    const over = (base: readonly number[]): Summary => summarize(ratios(plain, base));
    return [
      {
        ...{ path: label, engine, ms: summarize(plain) },
        ...{ ofProducts: over(products), ofFloor: over(floor) },
        ofPyTorch: pyTorch === undefined ? null : over(pyTorch),
        multipliers: multiplied === undefined ? null : summarize(ratios(multiplied, plain)),
      },
    ];
  });
  return { floors, rows };
}
