/** The kernels that the layers and their gradients run are there on every backend of tfjs. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { cases, layerOf, withGradients } from '../test/golden.ts';

const { resolve } = createRequire(import.meta.url);

/** The names of the kernels of a backend, which is not loaded: it needs a browser. */
function kernelsOf(backend: string): string[] {
  const manifest = resolve(`@tensorflow/tfjs-backend-${backend}/package.json`);
  const path = manifest.replace('package.json', 'dist/register_all_kernels.js');
  return [...readFileSync(path, 'utf8').matchAll(/from '\.\/kernels\/(\w+)'/g)].map(
    ([, name]) => name as string,
  );
}

onCpu(() => {
  it('on cpu, wasm, webgl and webgpu', async () => {
    const run = new Set<string>();
    for (const at of cases) {
      const layer = at.layer === 'crossEntropy' ? null : layerOf(at);
      const { kernelNames } = await tf.profile(() => {
        tf.tidy(() => {
          const inputs = at.inputs.map(({ values, shape }) => tf.tensor(values, shape));
          withGradients(at, layer, inputs);
        });
      });
      for (const name of kernelNames) {
        // A gradient that is written out runs under another name.
        if (tf.getKernel(name, 'cpu') !== undefined) run.add(name);
      }
      layer?.dispose();
    }
    expect(run.size).toBeGreaterThan(20);
    for (const backend of ['cpu', 'wasm', 'webgl', 'webgpu']) {
      const missing = [...run].filter((name) => !kernelsOf(backend).includes(name));
      expect(missing, backend).toEqual([]);
    }
  });
});
