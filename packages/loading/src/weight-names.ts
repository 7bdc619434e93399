/** The weights of a file under the names that the model uses for them. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { preview } from './load-error.ts';

type Spec = tf.io.WeightsManifestEntry;

/** A weight, and the path to it. */
interface Target {
  /** Its name in tfjs files. */
  readonly name: string;
  /** The models that contain its layer, outermost first. */
  readonly models: readonly string[];
  /** What follows the name of the layer: the direction, if it has one. */
  readonly inside: readonly string[];
  /** Its own name, and the other names that Keras uses for it. */
  readonly ends: readonly string[];
}

/** Weights saved by number, as in TensorFlow's own format: tfjs assigns them by position. */
export const areNumbered = (specs: readonly Spec[]): boolean => /\/\d+$/.test(specs[0]?.name ?? '');

function endsOf(layer: layers.Layer, end: string): string[] {
  return layer.getClassName() === 'DepthwiseConv2D' && end === 'depthwise_kernel'
    ? [end, 'kernel']
    : [end];
}

/** The weights of a model by the name of their layer. */
function targetsByLayer(model: LayersModel): Map<string, Target[]> {
  const targets = new Map<string, Target[]>();
  const seen = new Set<LayerVariable>();
  const visit = ({ layers: inner, name }: LayersModel, outer: readonly string[]): void => {
    const models = [...outer, name];
    for (const layer of inner) {
      if ('layers' in layer) visit(layer as unknown as LayersModel, models);
      for (const weight of layer.weights) {
        const [first, ...inside] = weight.originalName.split('/');
        const end = inside.pop();
        if (seen.has(weight) || first !== layer.name || end === undefined) continue;
        seen.add(weight);
        const target = { name: weight.originalName, models, inside, ends: endsOf(layer, end) };
        targets.set(layer.name, [...(targets.get(layer.name) ?? []), target]);
      }
    }
  };
  visit(model, []);
  return targets;
}

/** Whether the parts appear among the others, in the same order. */
function areWithin(parts: readonly string[], others: readonly string[]): boolean {
  let next = 0;
  for (const other of others) if (other === parts[next]) next++;
  return next === parts.length;
}

/** The names that a name in a file can stand for. */
function meanings(name: string, targets: ReadonlyMap<string, readonly Target[]>): string[] {
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
  return [...new Set(matches.map((target) => target.name))];
}

/**
 * The entries of a manifest under the names that the model uses for its weights. Keras 3 writes the path to a weight,
 * as in `model/block/both/forward_lstm/lstm_cell/kernel`: the models that its layer was created in, and the path within
 * the layer. An entry that matches no weight keeps its name.
 *
 * @throws RangeError for a name that can match several weights, and for two names that match the same one
 */
export function inModelNames(model: LayersModel, specs: readonly Spec[]): readonly Spec[] {
  if (areNumbered(specs)) return specs;
  const exact = new Set(model.weights.map(({ originalName }) => originalName));
  if (specs.every(({ name }) => exact.has(name))) return specs;
  const targets = targetsByLayer(model);
  const taken = new Map<string, string>();
  return specs.map((spec) => {
    const names = exact.has(spec.name) ? [spec.name] : meanings(spec.name, targets);
    const [name = spec.name, other] = names;
    if (other !== undefined) {
      throw new RangeError(
        `loadModel: each weight of the file must belong to one of the model. Received ${preview(spec.name)}, which can be "${name}" and "${other}". Give the layers and models different names in Keras, and save again.`,
      );
    }
    const former = taken.get(name);
    if (former !== undefined) {
      throw new RangeError(
        `loadModel: each weight of the model must have one in the file. Received ${preview(former)} and ${preview(spec.name)} for "${name}". Give the layers different names in Keras, and save again.`,
      );
    }
    taken.set(name, spec.name);
    return { ...spec, name };
  });
}
