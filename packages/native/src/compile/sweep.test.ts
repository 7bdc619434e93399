import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LOSSES, layerCases, METRICS, NOT_LAYERS } from '../../test/sweep/layers.ts';
import { cases, OF_STRINGS, operationNames, WITHOUT_KERNEL } from '../../test/sweep/operations.ts';
import { sweep } from '../../test/sweep/sweep.ts';
import { sweepLayer, sweepLoss, sweepMetric } from '../../test/sweep/sweep-layers.ts';
import { type Row, table, wrong } from '../../test/sweep/table.ts';
import { onTensorFlow } from '../../test/training.ts';
import { engine } from './internals.ts';

/** Kernels that no operation of tfjs-core runs in a step, or none that this sweep could call. */
const NOT_RUN: readonly string[] = ['StaticRegexReplace'];

onTensorFlow(() => {
  beforeAll(() => {
    // tfjs-layers says several times that it does not unroll.
    vi.spyOn(console, 'warn').mockImplementation(() => {});
  });
  afterAll(() => vi.restoreAllMocks());

  it('every operation and its gradient runs compiled as by itself, or is refused by name', async () => {
    const untried = operationNames().filter(
      (name) => !(name in cases || name in WITHOUT_KERNEL || OF_STRINGS.includes(name)),
    );
    expect(untried).toEqual([]);
    for (const kernel of Object.values(WITHOUT_KERNEL)) {
      expect(tf.getKernel(kernel, 'tensorflow'), kernel).toBeUndefined();
    }
    const run = vi.spyOn(engine(), 'runKernel');
    const rows: Row[] = Object.entries(cases).map(([name, list]) => ({
      name,
      tried: list.map((each) => {
        const { results, gradients } = sweep(each);
        return { label: each.label, verdicts: [results, gradients] };
      }),
    }));
    const kernels = new Set(run.mock.calls.map(([kernel]) => kernel));
    const unseen = tf
      .getKernelsForBackend('tensorflow')
      .map(({ kernelName }) => kernelName)
      // Our own kernels are no operations of tfjs; one-pass.test.ts compiles them.
      .filter((kernel) => !(kernels.has(kernel) || kernel.startsWith('Lrm')));
    run.mockRestore();
    expect(wrong(rows)).toEqual([]);
    expect(unseen.sort()).toEqual(NOT_RUN);
    const title = 'Operations of tfjs-core in a compiled step';
    const text = table(title, { operation: rows.sort((a, b) => (a.name < b.name ? -1 : 1)) });
    await expect(text).toMatchFileSnapshot('../../sweep/operations.md');
  }, 120_000);

  it('every layer, loss and metric trains compiled as by itself, or is refused by name', async () => {
    const untried = Object.keys(layers).filter(
      (name) => !(name in layerCases || NOT_LAYERS.includes(name)),
    );
    expect(untried).toEqual([]);
    const layerRows: Row[] = [];
    for (const [name, list] of Object.entries(layerCases)) {
      const tried = [];
      for (const each of list) {
        tried.push({ label: each.label, verdicts: [await sweepLayer(each)] });
      }
      layerRows.push({ name, tried });
    }
    const rowsOf = async (
      names: readonly string[],
      sweepOne: (name: string) => ReturnType<typeof sweepLoss>,
    ): Promise<Row[]> => {
      const rows: Row[] = [];
      for (const name of names) {
        rows.push({ name, tried: [{ label: 'defaults', verdicts: [await sweepOne(name)] }] });
      }
      return rows;
    };
    const [losses, metrics] = [await rowsOf(LOSSES, sweepLoss), await rowsOf(METRICS, sweepMetric)];
    expect(wrong([...layerRows, ...losses, ...metrics])).toEqual([]);
    const title = 'Layers, losses and metrics of tfjs-layers in a compiled model';
    const text = table(title, { layer: layerRows, loss: losses, metric: metrics });
    await expect(text).toMatchFileSnapshot('../../sweep/layers.md');
  }, 120_000);
});
