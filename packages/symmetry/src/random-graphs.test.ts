/** Random models over all layers: what is claimed is so, and no direction is counted twice. */
import { readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { noise, random } from '../../../test/tensors.ts';
import { buildGraph, drawGraph, type Graph, inputsOfGraph } from '../test/graphs.ts';
import { movesOf } from '../test/move-along.ts';
import { difference, outputsOf } from '../test/outputs.ts';
import { findSymmetries } from './index.ts';

const PATH = new URL('../../../fixtures/symmetry/graphs.json', import.meta.url);

const sizeOf = (model: LayersModel): number =>
  model.trainableWeights.reduce((sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]), 0);

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
            expect.fail(`outputs change by ${changed}: ${group}, ${reason}\n${describe(seed, graph)}\n${symmetries}`);
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
    graphs: (Graph & { seed: number; weights: number; nullity: number })[];
  };

  it('the dimensions of random models never add up to more than the nullity that PyTorch measured', () => {
    let [claimed, exist, exact] = [0, 0, 0];
    const missed: string[] = [];
    for (const graph of graphs) {
      const model = buildGraph(graph, graph.seed);
      const symmetries = findSymmetries(model);
      const total = symmetries.reduce((sum, { dimension }) => sum + dimension, 0);
      if (total > graph.nullity)
        missed.push(`OVER ${total} of ${graph.nullity}: ${describe(graph.seed, graph)}\n${symmetries}`);
      if (total < graph.nullity)
        missed.push(`under ${total} of ${graph.nullity}: ${describe(graph.seed, graph)}\n${symmetries}`);
      claimed += total;
      exist += graph.nullity;
      if (total === graph.nullity) exact += 1;
      model.dispose();
    }
    console.log(claimed, exist, exact, graphs.length);
    console.log(missed.filter((m) => m.startsWith('OVER')).slice(0, 10).join('\n\n'), missed.filter((m) => m.startsWith('under')).slice(0, 25).join('\n\n'));
  });

  it.runIf(process.env['DRAW_GRAPHS'] !== undefined)('draws graphs for fixtures/symmetry/graphs.py', () => {
    const drawn: string[] = [];
    for (let seed = 1001; drawn.length < 200; seed++) {
      const graph = drawGraph(random(seed));
      const model = buildGraph(graph);
      if (sizeOf(model) <= 80) drawn.push(JSON.stringify({ seed, ...graph }));
      model.dispose();
    }
    writeFileSync(PATH, `{"graphs": [\n${drawn.join(',\n')}\n]}\n`);
  }, 60_000);
});
