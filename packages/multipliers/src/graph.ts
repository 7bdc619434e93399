import type { Config } from './copy-model.ts';

interface Entry {
  readonly name?: string;
  readonly config?: Config;
  readonly inboundNodes?: readonly (readonly [string, ...unknown[]][])[];
}

const entriesOf = (config: Config): readonly Entry[] => config['layers'] as readonly Entry[];

/**
 * The layers of a saved graph, each after all that feed it, itself aside. tfjs makes the calls of a shared
 * layer in the order in which their inputs come, and numbers them so; this order is most often the saved one.
 */
export function inOrderOfUse<E extends Entry>(entries: readonly E[]): E[] {
  const waiting = [...entries];
  const placed = new Set<unknown>();
  const ordered: E[] = [];
  while (waiting.length > 0) {
    const ready = waiting.findIndex(({ name, inboundNodes = [] }) =>
      inboundNodes.flat().every(([from]) => from === name || placed.has(from)),
    );
    // Two layers that feed each other: the first of them.
    const [next] = waiting.splice(Math.max(ready, 0), 1) as [E];
    placed.add(next.name);
    ordered.push(next);
  }
  return ordered;
}

/** Which layer feeds which, by name, in a saved model and the models in it: equal text for equal graphs. */
export function graphOf(config: Config): string {
  const layers = entriesOf(config).map(({ name, config: inside, inboundNodes = [] }) => {
    const nested = inside !== undefined && Array.isArray(inside['layers']) ? graphOf(inside) : '';
    const nodes = inboundNodes.map((node) => node.map((from) => from.slice(0, 3)));
    return JSON.stringify([name ?? inside?.['name'], nodes, nested]);
  });
  return JSON.stringify([layers.sort(), config['inputLayers'], config['outputLayers']]);
}
