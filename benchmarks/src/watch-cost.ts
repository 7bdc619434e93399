/** What watching costs: blocks of steps with a watch and without take turns in one process, on one model. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { type ScaleWatch, watchScales } from '@tfjs-lrm/diagnostics';
import { languageModel, PRESETS } from '@tfjs-lrm/language-model';
import { crossEntropy } from '@tfjs-lrm/layers';
import { cpuMs } from '@tfjs-lrm/shared';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { type LayersModelName, layersModel } from './layers-models.ts';
import { ratios } from './runner.ts';
import { VOCABULARY } from './workloads.ts';

/** The documented interval, which is that of the blocks too. */
export const EVERY = 50;

export type Watched = 'demo' | LayersModelName;

/** How the steps run. */
export interface Way {
  readonly backend: 'wasm' | 'tensorflow';
  readonly compiles: boolean;
}

/** Milliseconds of a block, watched and not, pair by pair. */
interface Times {
  readonly watched: number[];
  readonly plain: number[];
}

/** The time that passes, and that of the process on all its threads. */
type Cost = Readonly<Record<'wall' | 'cpu', Times>> & {
  /** Processor time within the calls that take a point, of each watched block: without what they change for steps. */
  readonly within: number[];
};

interface Task {
  readonly model: LayersModel;
  readonly x: tf.Tensor;
  readonly y: tf.Tensor;
  readonly loss: (y: tf.Tensor, predicted: tf.Tensor) => tf.Tensor;
}

function taskOf(name: Watched): Task {
  if (name !== 'demo') {
    const loss = (y: tf.Tensor, predicted: tf.Tensor): tf.Tensor =>
      tf.losses.meanSquaredError(y, predicted);
    return { ...layersModel(name), loss };
  }
  const { tiny } = PRESETS;
  const ids = (seed: number): tf.Tensor =>
    tf.randomUniform([tiny.batch, tiny.context], 0, VOCABULARY, 'int32', seed);
  const model = languageModel(tiny, VOCABULARY, false, 1);
  return { model, x: ids(1), y: ids(2), loss: (y, predicted) => crossEntropy(y, predicted) };
}

/** Fewer than this have no interval of 95 %. */
const LEAST_PAIRS = 6;

/**
 * Pairs of blocks, each of as many steps as there are between two points, for about so many milliseconds; every other
 * pair begins with the watch.
 */
export async function watchCost(name: Watched, way: Way, ms: number): Promise<Cost> {
  const start = performance.now();
  const { model, x, y, loss } = taskOf(name);
  assignRoles(model);
  const optimizer = withWeightDecay(adam({ learningRate: 1e-3 }));
  const variables = model.trainableWeights.map(variableOf);
  const minimize = (inputs: tf.Tensor, targets: tf.Tensor): tf.Scalar =>
    optimizer.minimize(
      () => loss(targets, model.apply(inputs, { training: true }) as tf.Tensor) as tf.Scalar,
      true,
      variables,
    ) as tf.Scalar;
  const recorded = way.compiles ? (await import('@tfjs-lrm/native')).compile(minimize) : null;
  const step = recorded ?? minimize;
  const watch = watchScales(model, optimizer, { every: EVERY });
  const cost: Cost = {
    wall: { watched: [], plain: [] },
    cpu: { watched: [], plain: [] },
    within: [],
  };
  const measure = (kind: keyof Times): void => {
    // Untimed: a point, after which the block has exactly one.
    if (kind === 'watched') watch.record();
    const [began, cpu] = [performance.now(), cpuMs()];
    const within = takeSteps(() => step(x, y), kind === 'watched' ? watch : null);
    if (kind === 'watched') cost.within.push(within);
    cost.wall[kind].push(performance.now() - began);
    cost.cpu[kind].push(cpuMs() - cpu);
  };
  takeSteps(() => step(x, y), watch);
  for (let pair = 0; pair < LEAST_PAIRS || performance.now() - start < ms; pair++) {
    const order = ['watched', 'plain'] as const;
    for (const kind of pair % 2 === 0 ? order : order.toReversed()) {
      measure(kind);
      // Lets the garbage collector's finalizers and what else waits run between blocks.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  watch.dispose();
  recorded?.dispose();
  optimizer.dispose();
  model.dispose();
  tf.dispose([x, y]);
  return cost;
}

/**
 * A block of steps; the last loss is read, which waits for all of them.
 *
 * @returns milliseconds of processor time in the last two calls of the watch: the copy of the weights, and the point
 */
function takeSteps(step: () => tf.Scalar, watch: ScaleWatch | null): number {
  let within = 0;
  for (let i = 0; i < EVERY; i++) {
    const loss = step();
    if (i < EVERY - 2) watch?.record();
    else {
      const began = cpuMs();
      watch?.record();
      within += cpuMs() - began;
    }
    if (i === EVERY - 1) loss.dataSync();
    loss.dispose();
  }
  return within;
}

/** What a watch adds, in percent, pair by pair. */
export const added = ({ watched, plain }: Times): number[] =>
  ratios(watched, plain).map((ratio) => 100 * (ratio - 1));
