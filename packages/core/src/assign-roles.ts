import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { nearest, show } from './check.ts';
import { checkLayers } from './check-model.ts';
import { noteKernelAxes } from './kernel-axes.ts';
import { noteLayer } from './layer-of.ts';
import { type Rates, ratesOf } from './rates.ts';
import {
  checkRole,
  explainRole,
  forgetStructure,
  kernelsOf,
  type Role,
  recordRole,
  roleOf,
} from './roles.ts';
import { drawTable } from './table.ts';
import { isModel, variableOf } from './tfjs-objects.ts';

/**
 * One row a variable: its name, shape, role, why it has that role, and the factors of its rate and decay. `toString()`
 * draws the table, with the factors where a variable has some.
 */
export interface RoleTable {
  readonly rows: readonly {
    readonly name: string;
    readonly shape: number[];
    readonly role: Role;
    readonly reason: string;
    readonly rates: Rates;
  }[];
  /** The table as text, a line per variable. */
  toString(): string;
}

/**
 * The role of every trainable variable of a model, or of the given variables, with the reason, and the factors that
 * `setRates` gave them.
 *
 * @throws TypeError for something that is neither a tf.LayersModel nor an array of variables
 * @example
 * console.log(String(describeRoles(model)));
 */
export function describeRoles(target: LayersModel | readonly tf.Variable[]): RoleTable {
  const rows = variablesOf('describeRoles', target).map((variable) => ({
    name: variable.name,
    shape: variable.shape,
    ...explained(variable),
    rates: ratesOf(variable),
  }));
  return { rows, toString: () => draw(rows) };
}

function explained(variable: tf.Variable): { role: Role; reason: string } {
  const { role, reason } = explainRole(variable);
  return { role, reason };
}

function variablesOf(where: string, target: LayersModel | readonly tf.Variable[]): tf.Variable[] {
  if (Array.isArray(target)) return [...(target as readonly tf.Variable[])];
  if (isModel(target)) return target.trainableWeights.map(variableOf);
  throw new TypeError(
    `${where}: the target must be a tf.LayersModel or an array of variables. Received ${show(target)}.`,
  );
}

const shortened = (factor: number): string => String(Number(factor.toPrecision(4)));

function draw(rows: RoleTable['rows']): string {
  const hasRates = rows.some(({ rates }) => rates.learningRate !== 1 || rates.decay !== 1);
  const factors = ({ learningRate, decay }: Rates): string[] =>
    hasRates ? [`× ${shortened(learningRate)}`, `× ${shortened(decay)}`] : [];
  const cells = [
    ['variable', 'shape', 'role', 'reason', ...(hasRates ? ['learning rate', 'decay'] : [])],
    ...rows.map(({ name, shape, role, reason, rates }) => [
      ...[name, `[${shape.join(', ')}]`, role, reason],
      ...factors(rates),
    ]),
  ];
  return drawTable(cells);
}

/**
 * Gives every kernel of a model a role by the model's structure: a kernel that writes an output is a
 * `'head'`. From each output the walk goes back through layers without kernels (activations, norms,
 * reshapes) and into nested models, to the first kernels. All other roles follow from names and ranks. It
 * also records the layer of each weight, so that decay can warn about an L2 regularizer, and which axes of each
 * kernel are inputs and outputs.
 *
 * @param overrides roles by layer name, for all kernels of that layer; they win over the structure
 * @returns the roles of all trainable variables
 * @throws TypeError for something that is not a model; RangeError for an unknown layer name or role, with
 *   the nearest name
 * @example
 * assignRoles(model, { router: 'head' });
 */
export function assignRoles(model: LayersModel, overrides: Record<string, Role> = {}): RoleTable {
  checkLayers('assignRoles', model, 'assignRoles(tf.sequential({ layers }))');
  const all = allLayers(model);
  const named = new Map(all.map((layer) => [layer.name, layer]));
  for (const [name, role] of Object.entries(overrides)) {
    checkRole('assignRoles', role);
    const layer = named.get(name);
    if (layer === undefined) {
      throw new RangeError(
        `assignRoles: the model has no layer "${name}". Did you mean "${nearest(name, [...named.keys()])}"?`,
      );
    }
    if (kernelsOf(layer).length === 0) {
      throw new RangeError(
        `assignRoles: layer "${name}" (${layer.getClassName()}) has no kernel to give a role.`,
      );
    }
  }
  for (const layer of all) {
    noteLayer(layer);
    noteKernelAxes(layer);
  }
  for (const weight of model.weights) forgetStructure(variableOf(weight));
  for (const layer of outputLayers(model.outputs)) {
    for (const kernel of kernelsOf(layer)) {
      if (roleOf(kernel) === 'matrix')
        recordRole(kernel, 'head', 'structure', 'kernel of an output layer');
    }
  }
  for (const [name, role] of Object.entries(overrides)) {
    for (const kernel of kernelsOf(named.get(name) as layers.Layer)) {
      recordRole(kernel, role, 'override', `assignRoles override for layer "${name}"`);
    }
  }
  return describeRoles(model);
}

function allLayers(model: LayersModel): layers.Layer[] {
  return model.layers.flatMap((layer) => (isModel(layer) ? [layer, ...allLayers(layer)] : [layer]));
}

/**
 * The first layers with kernels on the way back from each of the outputs: those whose kernels are heads. Roles
 * are left as they are.
 *
 * @example
 * const heads = outputLayers(model.outputs); // a set of layers
 */
export function outputLayers(outputs: readonly SymbolicTensor[]): Set<layers.Layer> {
  const writers = new Set<layers.Layer>();
  const seen = new Set<SymbolicTensor>();
  const visit = (tensor: SymbolicTensor): void => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    const layer = tensor.sourceLayer;
    if (isModel(layer)) {
      // A nested model: walk back from the output that is used, and past the model only if there is no kernel inside.
      const inside = outputLayers([layer.outputs[tensor.tensorIndex] as SymbolicTensor]);
      for (const inner of inside) writers.add(inner);
      if (inside.size > 0) return;
    } else if (kernelsOf(layer).length > 0) {
      writers.add(layer);
      return;
    }
    for (const input of layer.inboundNodes[tensor.nodeIndex]?.inputTensors ?? []) visit(input);
  };
  for (const output of outputs) visit(output);
  return writers;
}
