/** Checks a saved model before tfjs builds it. */
import { LayersModel, Sequential } from '@tensorflow/tfjs-layers';
import { nearest } from '@tfjs-lrm/core/kit';
import { checkCalls } from './check-calls.ts';
import { fromConfigOf, type Registered, registeredClass, registeredNames } from './internals.ts';
import { preview } from './load-error.ts';
import type { Config, Saved } from './saved.ts';

/** The class of a saved layer, if it is registered. */
export function classOf({ className }: Saved): Registered | undefined {
  return registeredClass(className);
}

/**
 * How a saved layer or model is read: a model whose class reads its configuration in another way is treated as a layer.
 */
export function kindOf(saved: Saved): 'sequence' | 'graph' | 'layer' {
  const fromConfig = classOf(saved)?.[1];
  if (fromConfig === fromConfigOf(Sequential)) return 'sequence';
  return fromConfig === fromConfigOf(LayersModel) ? 'graph' : 'layer';
}

/** The saved layers of a saved model. */
export function entriesOf({ config }: Saved): readonly Saved[] {
  return (Array.isArray(config) ? config : config['layers']) as readonly Saved[];
}

const nameOf = ({ config }: Saved): unknown => config['name'];

/** A description of a saved layer or model. */
export function describeSaved(saved: Saved): string {
  const kind = kindOf(saved) === 'layer' ? 'layer' : 'model';
  const name = nameOf(saved);
  return `${kind} ${name === undefined ? '' : `${preview(name)} `}(${saved.className})`;
}

/** Rejects anything but a registered layer or model. */
function checkSaved(what: string, saved: unknown): asserts saved is Saved {
  const { className, config } = (saved ?? {}) as Partial<Record<keyof Saved, unknown>>;
  if (typeof className !== 'string' || typeof config !== 'object' || config === null) {
    throw new TypeError(
      `loadModel: ${what} must be saved as { class_name, config }. Received ${preview(saved)}. Compare it with the file as it was saved.`,
    );
  }
  const entry = classOf(saved as Saved);
  if (entry === undefined) {
    throw new RangeError(
      `loadModel: the class ${preview(className)} of ${what} is not registered. Import the package that defines it, or call tf.serialization.registerClass, before loading. Did you mean "${nearest(className, registeredNames())}"?`,
    );
  }
  if (!('apply' in entry[0].prototype && 'countParams' in entry[0].prototype)) {
    throw new RangeError(
      `loadModel: ${what} must be of a class of layers. Received ${preview(className)}. Compare its class_name with the file as it was saved.`,
    );
  }
}

/** Rejects anything but a name, names that every JavaScript object has as keys, and names that another layer has. */
function checkName(what: string, name: unknown, taken: Set<unknown>): void {
  if (typeof name !== 'string' || name === '' || name in {}) {
    throw new TypeError(
      `loadModel: ${what} must have a name. Received ${preview(name)}. Try "layer_1".`,
    );
  }
  if (taken.has(name)) {
    throw new RangeError(
      `loadModel: the layers of a model must have different names. Received "${name}" twice. Rename one, and its weights.`,
    );
  }
  taken.add(name);
}

function checkNames(saved: Saved): void {
  const taken = new Set<unknown>();
  entriesOf(saved).forEach((entry, i) => {
    const what = `layer ${i + 1} of ${describeSaved(saved)}`;
    if (kindOf(saved) === 'sequence') {
      if (nameOf(entry) != null) checkName(what, nameOf(entry), taken);
      return;
    }
    // A graph has the name of each layer twice; tfjs loops forever where the second one belongs to another layer.
    const { name } = entry as { name?: unknown };
    checkName(what, name, taken);
    entry.config['name'] ??= name;
    if (nameOf(entry) === name) return;
    throw new RangeError(
      `loadModel: the name of layer "${name}" must be the same in its configuration. Received ${preview(nameOf(entry))}. Compare both with the file as it was saved.`,
    );
  });
}

/** True for inputs and models, which are nodes of the graph before it calls them. */
function hasOwnCall(entry: Config): boolean {
  const cls = classOf(entry as unknown as Saved)?.[0];
  const input = classOf({ className: 'InputLayer', config: {} })?.[0];
  return [input, LayersModel].some(
    (base) => cls === base || cls?.prototype instanceof (base as typeof LayersModel),
  );
}

/**
 * Checks that a saved model, and each model in it, consists of registered layers with unique names, and that each of
 * them gets its inputs. How a layer interprets its configuration is not checked.
 *
 * @throws TypeError for anything that is not of this form; RangeError for an unknown class, a name used twice, and a
 *   graph that tfjs cannot build, or on which it would never finish
 */
export function checkTopology(topology: unknown): asserts topology is Saved {
  checkSaved('the model', topology);
  if (kindOf(topology) !== 'layer') return checkInside(topology);
  if ('predict' in (classOf(topology)?.[0].prototype ?? {})) return;
  throw new RangeError(
    `loadModel: the file must hold a model. Received a layer of class "${topology.className}". Save tf.sequential({ layers: [layer] }).`,
  );
}

function checkInside(model: Saved): void {
  const what = describeSaved(model);
  const entries: unknown = entriesOf(model);
  if (!Array.isArray(entries) || entries.length === 0) {
    throw new TypeError(
      `loadModel: ${what} must have a list of layers. Received ${preview(entries)}. Compare it with the file as it was saved.`,
    );
  }
  entries.forEach((entry: unknown, i) => {
    const { name, config } = (entry ?? {}) as { name?: unknown; config?: Config | null };
    const label = name ?? config?.['name'];
    checkSaved(label == null ? `layer ${i + 1} of ${what}` : `layer ${preview(label)}`, entry);
    if (kindOf(entry) !== 'layer') checkInside(entry);
  });
  checkNames(model);
  if (kindOf(model) !== 'graph') return;
  checkCalls(what, model.config, hasOwnCall);
}
