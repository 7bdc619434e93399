/** Random models over all layers: what is claimed is so, and no direction is counted twice. */
import { readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { noise, random } from '../../../test/tensors.ts';
import { buildGraph, drawGraph, type Graph, inputsOfGraph, NAMED } from '../test/graphs.ts';
import { movesOf } from '../test/move-along.ts';
import { difference, outputsOf } from '../test/outputs.ts';
import { findSymmetries } from './index.ts';

const PATH = new URL('../../../fixtures/symmetry/graphs.json', import.meta.url);

/** The number of weights that may move: of those with a constraint none. */
const sizeOf = (model: LayersModel): number =>
  model.trainableWeights
    .filter((weight) => (weight as unknown as { constraint: unknown }).constraint === null)
    .reduce((sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]), 0);

const describe = (seed: number, { shape, calls }: Graph): string =>
  [
    `graph ${seed} of ${shape}`,
    ...calls.map(
      ({ op, layer, from, config, frozen, multipliers }, at) =>
        `${at + 1}: ${op} #${layer} of ${from} ${JSON.stringify(config)} ${frozen ?? ''} ${multipliers ?? ''}`,
    ),
  ].join('\n');

/** How much rounding of the weights changes the outputs: a normalisation of equal numbers makes noise of it. */
function rounding(model: LayersModel, x: tf.Tensor, seed: number): number {
  const before = outputsOf(model, x);
  const next = random(seed);
  tf.tidy(() => {
    for (const weight of model.trainableWeights) {
      const shape = weight.shape as number[];
      const factors = noise(next, tf.util.sizeFromShape(shape), 1e-5).map((each) => 1 + each);
      (weight.read() as tf.Variable).assign(tf.mul(weight.read(), tf.tensor(factors, shape)));
    }
  });
  return difference(before, outputsOf(model, x));
}

eachBackend((backend) => {
  const count = backend === 'cpu' ? Number(process.env['GRAPHS'] ?? 150) : 40;

  it(`moving ${count} random models along each of their symmetries changes no output`, () => {
    const claims = new Map<string, number>();
    let skipped = 0;
    for (let seed = 1; seed <= count; seed++) {
      const graph = drawGraph(random(seed));
      const model = buildGraph(graph, seed);
      const x = inputsOfGraph(graph, seed);
      if (rounding(model, x, seed) > 1e-3) skipped += 1;
      else {
        const symmetries = findSymmetries(model);
        const moves = movesOf(model, seed);
        expect(moves.length).toBe(symmetries.length);
        for (const [at, move] of moves.entries()) {
          const before = outputsOf(model, x);
          move();
          const { group, reason } = symmetries[at] as (typeof symmetries)[number];
          claims.set(group, (claims.get(group) ?? 0) + 1);
          const changed = difference(before, outputsOf(model, x));
          if (!(changed < 1e-3))
            expect.fail(
              `outputs change by ${changed}: ${group}, ${reason}\n${describe(seed, graph)}\n${symmetries}`,
            );
        }
      }
      x.dispose();
      model.dispose();
    }
    expect(skipped).toBeLessThan(0.05 * count);
    // All kinds were met.
    for (const group of ['scaling', 'general-linear', 'translation'])
      expect(claims.get(group) ?? 0, group).toBeGreaterThan(count / 5);
  });
});

onCpu(() => {
  const { graphs } = JSON.parse(readFileSync(PATH, 'utf8')) as {
    graphs: (Graph & { seed: number; name?: string; weights: number; nullity: number })[];
  };
  const counted = (graph: (typeof graphs)[number]) => {
    const model = buildGraph(graph, graph.seed);
    expect(sizeOf(model), 'trained weights').toBe(graph.weights);
    const symmetries = findSymmetries(model);
    model.dispose();
    return {
      total: symmetries.reduce((sum, { dimension }) => sum + dimension, 0),
      text: `${describe(graph.seed, graph)}\n${symmetries}`,
    };
  };

  it('the dimensions of random models never add up to more than the nullity that PyTorch measured', () => {
    const random = graphs.filter(({ name }) => name === undefined);
    expect(random.length).toBeGreaterThan(150);
    let exact = 0;
    for (const graph of random) {
      const { total, text } = counted(graph);
      expect(total, text).toBeLessThanOrEqual(graph.nullity);
      if (total === graph.nullity) exact += 1;
      if (process.env['MISSED'] && total < graph.nullity) console.log(total, graph.nullity, text);
    }
    // The others have units that are never on, gains of such, and what README.md names as limits.
    expect(exact / random.length).toBeGreaterThan(0.5);
  });

  it.each(graphs.filter(({ name }) => name !== undefined))(
    'of "$name" all $nullity are found',
    (graph) => {
      const { total, text } = counted(graph);
      expect(total, text).toBe(graph.nullity);
    },
  );

  it.runIf(process.env['DRAW_GRAPHS'] !== undefined)(
    'draws graphs for fixtures/symmetry/graphs.py',
    () => {
      const drawn = Object.entries(NAMED).map(([name, graph]) =>
        JSON.stringify({ name, seed: 1, ...graph }),
      );
      for (let seed = 1001; drawn.length < 300; seed++) {
        const graph = drawGraph(random(seed));
        const model = buildGraph(graph);
        if (sizeOf(model) > 0 && sizeOf(model) <= 80)
          drawn.push(JSON.stringify({ seed, ...graph }));
        model.dispose();
      }
      writeFileSync(PATH, `{"graphs": [\n${drawn.join(',\n')}\n]}\n`);
    },
    60_000,
  );
});
