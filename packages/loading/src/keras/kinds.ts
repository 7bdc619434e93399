/** How Keras names the parts of a model in its files of weights. */
import { type Config, isObject } from '../saved.ts';

/** The name of a class in snake case, by Keras' own rule: `SeparableConv1D` is `separable_conv1d`. */
export const snakeCase = (className: string): string =>
  className
    .replaceAll(/\W+/g, '')
    .replaceAll(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** The names of objects in a list: their classes in snake case, numbered where a class is there again. */
export function namesInList(classNames: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return classNames.map((className) => {
    const name = snakeCase(className);
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  });
}

/** Whether Keras generated the name of a layer, from the name of its group, such as `dense_1`. */
export const isGenerated = (name: string, group: string): boolean =>
  name.replace(/_\d+$/, '') === group.replace(/_\d+$/, '');

/** A layer or model in a configuration. */
export interface KerasLayer {
  readonly class_name: string;
  readonly config: Config;
}

export const isKerasLayer = (value: unknown): value is KerasLayer =>
  isObject(value) && typeof value['class_name'] === 'string' && isObject(value['config']);

/** The layers of a model, in their order; null for a layer that is not one. */
export function layersOf({ config }: KerasLayer): readonly KerasLayer[] | null {
  const { layers } = config;
  return Array.isArray(layers) ? layers.filter(isKerasLayer) : null;
}

/** The classes of Keras for those of tfjs and of this package that have other names and weights. */
const KERAS_CLASSES: Readonly<Record<string, string>> = {
  Model: 'Functional',
  KerasGRU: 'GRU',
  KerasGRUCell: 'GRUCell',
  KerasCausalConv1D: 'Conv1D',
};

export function kerasClass(className: string): string {
  const name = className.replace(/OnPadding$/, '');
  return KERAS_CLASSES[name] ?? name;
}

/** An operation on tensors, such as `x + y`, which Keras saves among the layers of a graph. */
export const isOperation = (entry: KerasLayer): boolean => {
  const { module } = entry as { module?: unknown };
  return typeof module === 'string' && /\.ops(\.|$)/.test(module);
};
