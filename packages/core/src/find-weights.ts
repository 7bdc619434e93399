/** Which weight of a model each weight of a file is for, by their names. */
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { show } from './check.ts';

/** A weight, and the path to it. */
interface Target {
  readonly weight: LayerVariable;
  /** The models that contain its layer, outermost first. */
  readonly models: readonly string[];
  /** What follows the name of the layer: the direction, if it has one. */
  readonly inside: readonly string[];
  /** Its own name, and the other names that Keras uses for it. */
  readonly ends: readonly string[];
}

type TargetsByLayer = ReadonlyMap<string, readonly Target[]>;

/** Whether weights are saved by number, as in TensorFlow's own format. */
const areNumbered = (names: readonly string[]): boolean => /\/\d+$/.test(names[0] ?? '');

/** The last part of a weight's name in tfjs, as Keras 3 has it. */
export const kerasEndOf = (layer: layers.Layer, end: string): string =>
  layer.getClassName() === 'DepthwiseConv2D' && end === 'depthwise_kernel' ? 'kernel' : end;

const endsOf = (layer: layers.Layer, end: string): string[] => [
  ...new Set([end, kerasEndOf(layer, end)]),
];

/**
 * The weights of layers, by the name of the layer.
 *
 * @param outer the models around them
 */
export function targetsIn(
  among: readonly layers.Layer[],
  outer: readonly string[],
): TargetsByLayer {
  const targets = new Map<string, Target[]>();
  const seen = new Set<LayerVariable>();
  const visit = (layer: layers.Layer, models: readonly string[]): void => {
    if ('layers' in layer) {
      const { layers: inner, name } = layer as unknown as LayersModel;
      for (const each of inner) visit(each, [...models, name]);
    }
    for (const weight of layer.weights) {
      const [first, ...inside] = weight.originalName.split('/');
      const end = inside.pop();
      if (seen.has(weight) || first !== layer.name || end === undefined) continue;
      seen.add(weight);
      const target = { weight, models, inside, ends: endsOf(layer, end) };
      targets.set(layer.name, [...(targets.get(layer.name) ?? []), target]);
    }
  };
  for (const layer of among) visit(layer, outer);
  return targets;
}

/** Whether the parts appear among the others, in the same order. */
function areWithin(parts: readonly string[], others: readonly string[]): boolean {
  let next = 0;
  for (const other of others) if (other === parts[next]) next++;
  return next === parts.length;
}

/** The weights that a name in a file can stand for. */
export function meanings(name: string, targets: TargetsByLayer): LayerVariable[] {
  const path = name.split('/');
  const end = path.at(-1) as string;
  const matches = path.flatMap((part, i) =>
    (targets.get(part) ?? []).filter(
      ({ models, inside, ends }) =>
        ends.includes(end) &&
        areWithin(path.slice(0, i), models) &&
        areWithin(inside, path.slice(i + 1, -1)),
    ),
  );
  return [...new Set(matches.map(({ weight }) => weight))];
}

/** The weights of a model by name, or by their number in their layer; null for a name that several of them have. */
function weightsByName(
  model: LayersModel,
  byNumber: boolean,
): ReadonlyMap<string, LayerVariable | null> {
  const weights = new Map<string, LayerVariable | null>();
  for (const layer of model.layers) {
    layer.weights.forEach((weight, i) => {
      const { originalName } = weight;
      const name = byNumber ? originalName.replace(/[^/]+$/, String(i)) : originalName;
      const isOther = weights.has(name) && weights.get(name) !== weight;
      weights.set(name, isOther ? null : weight);
    });
  }
  return weights;
}

/**
 * The weight of a model for each name in a file: of tfjs, or of Keras 3, which writes the path to a weight, as in
 * `model/block/both/forward_lstm/lstm_cell/kernel`: the models that its layer was created in, and the path within the
 * layer. A name that matches no weight has none.
 *
 * @param where the function that reads the file
 * @throws RangeError for a name that can match several weights, and for two names that match the same one
 */
export function findWeights(
  where: string,
  model: LayersModel,
  names: readonly string[],
): (LayerVariable | undefined)[] {
  const exact = weightsByName(model, areNumbered(names));
  const direct = (name: string): LayerVariable | undefined => exact.get(name) ?? undefined;
  if (names.every((name) => exact.get(name))) return names.map(direct);
  const targets = targetsIn([model as unknown as layers.Layer], []);
  const taken = new Map<LayerVariable, string>();
  return names.map((name) => {
    const weights = exact.get(name) ? [] : meanings(name, targets);
    const [target = direct(name), other] = weights;
    if (target !== undefined && other !== undefined) {
      throw new RangeError(
        `${where}: each weight of the file must belong to one of the model. Received ${show(name)}, which can be "${target.originalName}" and "${other.originalName}". Give the layers and models different names in Keras, and save again.`,
      );
    }
    const former = target && taken.get(target);
    if (target !== undefined && former !== undefined) {
      throw new RangeError(
        `${where}: each weight of the model must have one in the file. Received ${show(former)} and ${show(name)} for "${target.originalName}". Give the layers different names in Keras, and save again.`,
      );
    }
    if (target !== undefined) taken.set(target, name);
    return target;
  });
}
