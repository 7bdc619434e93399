import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as modelOf, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { checkOptions, drawTable, isModel, isVariable, numberRule, show } from '@tfjs-lrm/core/kit';
import { drawPanels, type Panel } from './chart.ts';
import { slopeOf } from './slope.ts';

/** @inline */
interface CheckOptions {
  /** A batch of inputs. */
  readonly x: tf.Tensor | tf.Tensor[];
  /** Its targets. */
  readonly y: tf.Tensor | tf.Tensor[];
  /** Training steps, all on that batch. */
  readonly steps?: number | undefined;
  /** How many models of each width are averaged; `makeModel` gets their numbers, from 0. */
  readonly seeds?: number | undefined;
}

/** How large the activations of each layer are at each width. */
export interface CoordinateCheck {
  /** For each layer, width and step from 0: RMS of the activations, and of their change since step 0. */
  readonly rows: readonly {
    readonly layer: string;
    readonly width: number;
    readonly step: number;
    readonly activation: number;
    readonly update: number;
  }[];
  /** For each layer the exponents p of size ∝ width^p after the last step. */
  readonly slopes: readonly {
    readonly layer: string;
    readonly activation: number;
    readonly update: number;
  }[];
  /** The sizes after the last step and their slopes as text, two lines a layer. */
  toString(): string;
  /** The same as an SVG document: a panel of the activations and one of their changes, a line for each layer. */
  toSVG(): string;
}

type Row = CoordinateCheck['rows'][number];

const whole = (fallback: string) => numberRule({ min: 1, integer: true, try: fallback });

/** What each layer of the model puts out, by name; layers with several outputs count by the first. */
function outputsOf(model: LayersModel): Map<string, SymbolicTensor> {
  const outputs = new Map<string, SymbolicTensor>();
  for (const layer of model.layers) {
    if (layer.getClassName() === 'InputLayer') continue;
    const tensor = layer.inboundNodes.at(-1)?.outputTensors[0];
    if (tensor !== undefined) outputs.set(layer.name, tensor);
  }
  return outputs;
}

const rms = (tensor: tf.Tensor): tf.Tensor => tf.sqrt(tf.mean(tf.square(tensor)));

/** The RMS of activations, and of their changes, for each step and layer. */
async function measure(
  model: LayersModel,
  { x, y, steps = 4 }: CheckOptions,
): Promise<{ activation: number; update: number }[][]> {
  const outputs = [...outputsOf(model).values()];
  const probe = modelOf({ inputs: model.inputs, outputs });
  const activations = (): tf.Tensor[] => {
    const result = probe.predict(x);
    return Array.isArray(result) ? result : [result];
  };
  const first = activations();
  const sizes: tf.Tensor[] = [];
  const note = (now: readonly tf.Tensor[]): void => {
    const measured = now.flatMap((tensor, i) => [
      rms(tensor),
      rms(tf.sub(tensor, first[i] as tf.Tensor)),
    ]);
    sizes.push(tf.stack(measured));
  };
  try {
    tf.tidy(() => {
      note(first);
      for (const size of sizes) tf.keep(size);
    });
    for (let step = 0; step < steps; step++) {
      await model.trainOnBatch(x, y);
      tf.tidy(() => {
        note(activations());
        tf.keep(sizes.at(-1) as tf.Tensor);
      });
    }
    return await Promise.all(
      sizes.map(async (size) => {
        const values = await size.data();
        return outputs.map((_, i) => ({
          activation: values[2 * i] as number,
          update: values[2 * i + 1] as number,
        }));
      }),
    );
  } finally {
    tf.dispose([...first, ...sizes]);
  }
}

function checkArguments(makeModel: unknown, widths: unknown, options: CheckOptions): void {
  if (typeof makeModel !== 'function') {
    throw new TypeError(
      `coordinateCheck: the first argument must be a function of the width that returns a compiled model. Received ${show(makeModel)}.`,
    );
  }
  const isFine =
    Array.isArray(widths) &&
    new Set(widths).size >= 2 &&
    widths.every((width) => Number.isInteger(width) && width > 0);
  if (!isFine) {
    throw new RangeError(
      `coordinateCheck: the widths must be two or more whole numbers. Received ${show(widths)}. Try [64, 128, 256, 512].`,
    );
  }
  const isTensors = (value: unknown): boolean =>
    [value].flat().every((each) => each instanceof tf.Tensor && !isVariable(each));
  const tensors = (value: unknown) =>
    isTensors(value)
      ? null
      : { must: 'be a tensor, or a list of them', try: 'tf.randomNormal([64, 8])' };
  checkOptions('coordinateCheck', options, {
    x: tensors,
    y: tensors,
    steps: whole('4'),
    seeds: whole('3'),
  });
  for (const name of ['x', 'y'] as const) {
    if (options[name] !== undefined) continue;
    throw new RangeError(
      `coordinateCheck: "${name}" must be given. Received none. Try coordinateCheck(makeModel, widths, { x, y }).`,
    );
  }
}

/** The geometric mean, which is what a slope of logarithms averages. */
const typical = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/**
 * Trains models of several widths for a few steps, and measures how the activations of each layer, and their changes
 * since the start, grow with the width. Under µP, neither grows: slopes of log size over log width are about 0 (that of
 * the head's activations may be down to −½ at the start). Otherwise changes grow with a power of the width, and the best
 * learning rate moves with it.
 *
 * Waits for the device at the end of each model. Disposes of the models that it makes, and of their optimizers.
 *
 * @param makeModel returns a compiled model of a width; layers must have the same order at every width
 * @param widths two or more, such as [64, 128, 256, 512]
 * @param options x and y, one batch; steps 4; seeds 1, models per width
 * @throws TypeError for something that is not a function, or does not return a compiled model; RangeError for widths or
 *   options out of range; Error for models with different numbers of layers
 * @see Yang et al., 2022, arXiv 2203.03466, app. D.1
 * @example
 * const build = (width) => tf.sequential({ layers: [
 *   tf.layers.dense({ units: width, activation: 'relu', inputShape: [8] }),
 *   tf.layers.dense({ units: 2 }),
 * ] });
 * const base = build(16);
 * const check = await coordinateCheck((width) => {
 *   const model = build(width);
 *   model.compile({ optimizer: adam({ learningRate: 0.01 }), loss: 'meanSquaredError' });
 *   mup(model, { base });
 *   return model;
 * }, [16, 32, 64], { x: tf.randomNormal([32, 8]), y: tf.randomNormal([32, 2]) });
 * console.log(String(check)); // and check.toSVG()
 */
export async function coordinateCheck(
  makeModel: (width: number, seed: number) => LayersModel | Promise<LayersModel>,
  widths: readonly number[],
  options: CheckOptions,
): Promise<CoordinateCheck> {
  checkArguments(makeModel, widths, options);
  const { seeds = 1 } = options;
  const rows: Row[] = [];
  let layers: readonly string[] = [];
  for (const width of widths) {
    const runs: Awaited<ReturnType<typeof measure>>[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      const model = await makeModel(width, seed);
      if (!isModel(model) || model.optimizer === undefined) {
        throw new TypeError(
          `coordinateCheck: makeModel must return a compiled model. Received ${isModel(model) ? 'one that is not compiled' : show(model)}. Try model.compile({ optimizer: adam(), loss: 'meanSquaredError' }).`,
        );
      }
      const names = [...outputsOf(model).keys()];
      // tfjs numbers layers without a name, so that names differ from model to model: those of the first count.
      if (layers.length === 0) layers = names;
      if (names.length !== layers.length) {
        throw new Error(
          `coordinateCheck: models of all widths must have the same layers. The first has ${layers.length}, that of width ${width} has ${names.length}.`,
        );
      }
      const { optimizer } = model;
      try {
        runs.push(await measure(model, options));
      } finally {
        model.dispose();
        optimizer.dispose();
      }
    }
    (runs[0] ?? []).forEach((sizes, step) => {
      sizes.forEach((_, i) => {
        const of = (key: 'activation' | 'update'): number =>
          typical(runs.map((run) => run[step]?.[i]?.[key] ?? Number.NaN));
        const layer = layers[i] as string;
        rows.push({ layer, width, step, activation: of('activation'), update: of('update') });
      });
    });
  }
  return result(rows, layers, widths);
}

function result(
  rows: readonly Row[],
  layers: readonly string[],
  widths: readonly number[],
): CoordinateCheck {
  const last = Math.max(...rows.map(({ step }) => step));
  const sizes = (layer: string, key: 'activation' | 'update'): number[] =>
    widths.map(
      (width) =>
        rows.find((row) => row.layer === layer && row.width === width && row.step === last)?.[
          key
        ] ?? Number.NaN,
    );
  const slopes = layers.map((layer) => ({
    layer,
    activation: slopeOf(widths, sizes(layer, 'activation')),
    update: slopeOf(widths, sizes(layer, 'update')),
  }));
  const panel = (title: string, key: 'activation' | 'update'): Panel => ({
    title,
    lines: slopes.map((slope) => ({
      name: slope.layer,
      slope: slope[key],
      points: sizes(slope.layer, key).map((y, i) => ({ x: widths[i] as number, y })),
    })),
  });
  const line = (key: 'activation' | 'update') => (slope: (typeof slopes)[number]) => [
    slope.layer,
    key,
    ...sizes(slope.layer, key).map((size) => size.toPrecision(3)),
    slope[key].toFixed(2),
  ];
  return {
    rows,
    slopes,
    toString: () =>
      drawTable(
        [
          ['layer', 'RMS of', ...widths.map(String), 'slope'],
          ...slopes.flatMap((slope) => [line('activation')(slope), line('update')(slope)]),
        ],
        { right: 1 },
      ),
    toSVG: () =>
      drawPanels(`Activations after ${last} steps by width`, [
        panel(`RMS of activations after ${last} steps, by width`, 'activation'),
        panel(`RMS of their change since the start`, 'update'),
      ]),
  };
}
