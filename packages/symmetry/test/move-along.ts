/** Moves a model by random amounts along any one of its symmetries, in all directions of its group. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { variableOf } from '@tfjs-lrm/core/kit';
import { random } from '../../../test/tensors.ts';
import { centringsOf } from '../src/centrings.ts';
import type { Circuit, Operation } from '../src/circuit.ts';
import { apply } from '../src/move.ts';
import { orbitsOf } from '../src/orbits.ts';
import { type Rotation, rotationsOf } from '../src/rotations.ts';
import type { Shift } from '../src/shifts.ts';
import type { Orbit, Slices } from '../src/symmetry.ts';
import { type Translation, type Translations, translationsOf } from '../src/translations.ts';
import { type Unseen, unseenOf } from '../src/unseen.ts';
import { walk } from '../src/walk.ts';

type Next = () => number;
const signed = (next: Next): number => 2 * next() - 1;

/** A random invertible matrix, [size][size], near the identity; of `complex`, a turn of two and a factor. */
function matrix(size: number, complex: boolean, next: Next): number[][] {
  if (complex) {
    const [factor, angle] = [Math.exp(0.5 * signed(next)), 3 * next()];
    const [c, s] = [factor * Math.cos(angle), factor * Math.sin(angle)];
    return [
      [c, s],
      [-s, c],
    ];
  }
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => (i === j ? 1 : 0) + (0.5 / size) * signed(next)),
  );
}

/** The inverse of the transpose, by Gauss and Jordan. */
function contragredient(a: readonly (readonly number[])[]): number[][] {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    const pivot = rows
      .slice(i)
      .reduce((best, row) => (Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best));
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(
      i,
      0,
      pivot.map((value) => value / pivot[i]!),
    );
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      const factor = rows[k]![i]!;
      rows[k] = rows[k]!.map((value, j) => value - factor * rows[i]![j]!);
    }
  }
  return a.map((_, i) => a.map((_, j) => rows[j]![n + i]!));
}

/** Multiplies a weight, with its factors, along the axis by a matrix for each copy of each block. */
function mix(
  { weight, axes, index, exponent }: Slices,
  orbit: Orbit,
  mats: readonly number[][][],
  operations: readonly Operation[],
): void {
  const complex = orbit.group === 'complex-scaling';
  const size = axes.reduce((product, axis) => product * (weight.shape[axis] as number), 1);
  const full = new Float32Array(size * size);
  for (let i = 0; i < size; i++) if (index[i]! < 0) full[i * size + i] = 1;
  const places = Array.from({ length: orbit.scales }, (_, at) =>
    [...index.keys()].filter((position) => index[position] === at),
  );
  mats.forEach((mat, block) => {
    const used = exponent > 0 ? mat : contragredient(mat);
    const scales = complex
      ? [block]
      : Array.from({ length: orbit.block }, (_, i) => block * orbit.block + i);
    const copies = places[scales[0]!]!.length / (complex ? 2 : 1);
    for (let copy = 0; copy < copies; copy++) {
      const at = complex
        ? [places[block]![2 * copy]!, places[block]![2 * copy + 1]!]
        : scales.map((scale) => places[scale]![copy]!);
      at.forEach((from, i) => {
        at.forEach((to, j) => {
          full[from * size + to] = used[i]![j]!;
        });
      });
    }
  });
  tf.tidy(() => {
    const variable = variableOf(weight);
    const others = weight.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const order = [...others, ...axes];
    const factors = factorsOf(weight, operations);
    const last = tf.transpose(tf.mul(variable, factors), order);
    const moved = tf.matMul(tf.reshape(last, [-1, size]), tf.tensor2d(full, [size, size]));
    const back = order.map((_, axis) => order.indexOf(axis));
    variable.assign(tf.div(tf.transpose(tf.reshape(moved, last.shape), back), factors));
  });
}

/** What multiplies a kernel, broadcast to its shape. */
function factorsOf(kernel: LayerVariable, operations: readonly Operation[]): tf.Tensor {
  return operations.reduce<tf.Tensor>(
    (product, at) => {
      if (at.type !== 'factor' || at.kernel !== kernel) return product;
      const shape = kernel.shape.map((n, axis) => (at.axes.includes(axis) ? (n as number) : 1));
      return tf.mul(product, tf.reshape(at.factor.read(), shape));
    },
    tf.ones(kernel.shape as number[]),
  );
}

/** Adds random numbers to the free elements, and to all others what follows from the weights as they are. */
function translate(
  { free }: Translation,
  { shifts }: Translations,
  operations: readonly Operation[],
  next: Next,
): void {
  const chosen = new Map(free.map((at) => [at, signed(next)]));
  const planes = new Map<Operation, number[][]>();
  const columns = new Map<Operation, Map<number, number>>();
  const sumOf = (shift: Shift): number => {
    let sum = 0;
    for (const [at, coefficient] of shifts.resolve(shift)) sum += coefficient * unknownValue(at);
    return sum;
  };
  /** [inputs][outputs] of a kernel, summed over its other axes. */
  const planeOf = (at: Extract<Operation, { type: 'matmul' }>): number[][] => {
    const plane = tf.tidy(() => {
      const kernel = tf.mul(at.kernel.read(), factorsOf(at.kernel, operations));
      const others = at.kernel.shape
        .map((_, axis) => axis)
        .filter((axis) => axis !== at.input && axis !== at.output);
      const sums = tf.sum(kernel, others);
      return (at.input > at.output ? tf.transpose(sums) : sums).arraySync() as number[][];
    });
    planes.set(at, plane);
    return plane;
  };
  const unknownValue = (number: number): number => {
    const unknown = shifts.unknown(number);
    if ('weight' in unknown) return chosen.get(number) ?? 0;
    const { at, channel, inputs } = unknown;
    const known = columns.get(at)?.get(channel);
    if (known !== undefined) return known;
    let value: number;
    if (at.type === 'matmul') {
      const plane = planes.get(at) ?? planeOf(at);
      value = inputs.reduce((sum, each, i) => sum + plane[i]![channel]! * sumOf(each), 0);
    } else {
      const others = at.vector.shape
        .map((_, axis) => axis)
        .filter((axis) => !at.axes.includes(axis));
      const gains = tf.tidy(() =>
        tf
          .sum(tf.mul(at.vector.read(), factorsOf(at.vector, operations)), others)
          .dataSync<'float32'>(),
      );
      value = gains[channel]! * sumOf(inputs[0]!);
    }
    columns.set(at, (columns.get(at) ?? new Map<number, number>()).set(channel, value));
    return value;
  };
  const moves = [...shifts.weights()].map(
    ([weight, elements]) => [weight, elements.map(sumOf)] as const,
  );
  for (const [weight, shift] of moves) {
    tf.tidy(() => {
      const moved = tf.div(tf.tensor1d(shift), factorsOf(weight, operations));
      variableOf(weight).assign(tf.add(variableOf(weight), moved));
    });
  }
}

/** Orthonormal rows by Gram and Schmidt, the first along the given one. */
function orthonormal(first: number[], next: Next): number[][] {
  const rows: number[][] = [];
  for (let i = 0; i < first.length; i++) {
    let row = i === 0 ? first : first.map(() => signed(next));
    for (const done of rows) {
      const along = row.reduce((sum, value, j) => sum + value * done[j]!, 0);
      row = row.map((value, j) => value - along * done[j]!);
    }
    const norm = Math.hypot(...row);
    rows.push(row.map((value) => value / norm));
  }
  return rows;
}

/** A random orthogonal matrix; `centred` ones leave (1, …, 1) where it is. */
function orthogonal(size: number, centred: boolean, next: Next): tf.Tensor2D {
  const random = (n: number) =>
    tf.tensor2d(
      orthonormal(
        Array.from({ length: n }, () => signed(next)),
        next,
      ),
    );
  if (!centred) return random(size);
  const basis = tf.tensor2d(orthonormal(new Array<number>(size).fill(1), next));
  const inner = tf.pad(random(size - 1), [
    [1, 0],
    [1, 0],
  ]) as tf.Tensor2D;
  const corner = tf.pad(tf.ones([1, 1]), [
    [0, size - 1],
    [0, size - 1],
  ]);
  return tf.matMul(tf.matMul(basis, tf.add(inner, corner), true), basis);
}

/** The product of gains as a vector. */
const product = (gains: readonly LayerVariable[], size: number): tf.Tensor =>
  gains.reduce<tf.Tensor>((all, gain) => tf.mul(all, gain.read()), tf.ones([size]));

function rotateStream(
  { writers, readers, size, centred }: Rotation,
  operations: readonly Operation[],
  next: Next,
): void {
  tf.tidy(() => {
    const q = orthogonal(size, centred, next);
    const along = (weight: LayerVariable, axis: number, matrix: tf.Tensor): void => {
      const factors = factorsOf(weight, operations);
      const order = weight.shape
        .map((_, at) => at)
        .filter((at) => at !== axis)
        .concat(axis);
      const last = tf.transpose(tf.mul(weight.read(), factors), order);
      const moved = tf.reshape(tf.matMul(tf.reshape(last, [-1, size]), matrix), last.shape);
      const back = order.map((_, at) => order.indexOf(at));
      variableOf(weight).assign(tf.div(tf.transpose(moved, back), factors));
    };
    for (const { weight, axis } of writers) along(weight, axis, q);
    const biases = new Set<LayerVariable>();
    for (const reader of readers) {
      const gain = product(reader.gains, size);
      // W → D⁻¹ Qᵀ D W and β → β D⁻¹ Q D
      const turned = tf.mul(tf.mul(q, tf.reshape(tf.div(1, gain), [-1, 1])), gain);
      const back = tf.mul(tf.mul(q, tf.reshape(gain, [-1, 1])), tf.div(1, gain));
      along(reader.kernel.kernel, reader.kernel.input, back);
      for (const bias of reader.biases) if (!biases.has(bias)) along(bias, 0, turned);
      for (const bias of reader.biases) biases.add(bias);
    }
  });
}

function addUnseen(
  { reader, sum, absorber }: Unseen,
  operations: readonly Operation[],
  next: Next,
): void {
  tf.tidy(() => {
    const { kernel, input } = reader.kernel;
    const shape = kernel.shape.map((n, axis) => (axis === input ? 1 : (n as number)));
    const gain = product(reader.gains, kernel.shape[input] as number);
    const across = kernel.shape.map((n, axis) => (axis === input ? (n as number) : 1));
    const size = tf.util.sizeFromShape(shape);
    const same = tf.tensor(
      Array.from({ length: size }, () => signed(next)),
      shape,
    );
    const shift = tf.div(same, tf.reshape(gain, across));
    variableOf(kernel).assign(tf.add(kernel.read(), tf.div(shift, factorsOf(kernel, operations))));
    if (absorber === null) return;
    // What the kernel reads is of that sum before gains and biases: Σ (x + β/γ).
    const beta = reader.biases.reduce<tf.Tensor>(
      (all, bias) => tf.add(all, bias.read()),
      tf.fill([kernel.shape[input] as number], 0),
    );
    const constant = tf.add(tf.sum(tf.div(beta, gain)), sum);
    const others = shape.map((_, axis) => axis).filter((axis) => axis !== reader.kernel.output);
    const effect = tf.reshape(tf.mul(tf.sum(same, others), constant), [-1]);
    variableOf(absorber).assign(tf.sub(absorber.read(), effect));
  });
}

function moveOrbit(orbit: Orbit, operations: readonly Operation[], next: Next): void {
  if (orbit.group === 'scaling') {
    apply('test', [
      { orbit, logs: Float64Array.from({ length: orbit.scales }, () => 0.7 * signed(next)) },
    ]);
    return;
  }
  const complex = orbit.group === 'complex-scaling';
  const count = complex ? orbit.scales : orbit.scales / orbit.block;
  const mats = Array.from({ length: count }, () => matrix(orbit.block, complex, next));
  for (const slices of orbit.slices) mix(slices, orbit, mats, operations);
}

/** One function for each symmetry of `findSymmetries(model)`, in its order, that moves the model along it. */
export function movesOf(model: LayersModel, seed: number): (() => void)[] {
  const circuit: Circuit = walk('test', model);
  const { operations } = circuit;
  const translations = translationsOf(circuit);
  const next = random(seed);
  return [
    ...orbitsOf(circuit).map((orbit) => () => moveOrbit(orbit, operations, next)),
    ...rotationsOf(circuit).map((each) => () => rotateStream(each, operations, next)),
    ...translations.list.map((each) => () => translate(each, translations, operations, next)),
    ...centringsOf(circuit).map(
      ({ weight, axis }) =>
        () =>
          tf.tidy(() => {
            const shape = weight.shape.map((n, at) => (at === axis ? 1 : (n as number)));
            const size = tf.util.sizeFromShape(shape);
            const shift = tf.tensor(
              Array.from({ length: size }, () => signed(next)),
              shape,
            );
            const moved = tf.div(shift, factorsOf(weight, operations));
            variableOf(weight).assign(tf.add(variableOf(weight), moved));
          }),
    ),
    ...unseenOf(circuit).map((each) => () => addUnseen(each, operations, next)),
  ];
}
