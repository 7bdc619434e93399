import { layers } from '@tensorflow/tfjs-layers';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterEach, describe, expect, test } from 'vitest';
import { type Kind, trainKind } from '../../../test/layer-zoo.ts';
import { expectClose } from '../../../test/tensors.ts';
import { type Backend, whatIsMissing } from './backends.ts';
import { startBackend } from './start-backend.ts';

const STEPS = 10;

const kind: Kind = {
  shape: [6, 5, 2],
  make: () => [
    layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'tanh' }),
    layers.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same' }),
    layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same' }),
  ],
};

async function losses(backend: Backend): Promise<readonly number[]> {
  await startBackend(backend);
  const [first] = await trainKind(kind, STEPS);
  return first!;
}

afterEach(disableTraining);

describe.skipIf(whatIsMissing('tensorflow') !== null)(
  'a model with average pooling of padding same',
  () => {
    test('trains on wasm and on cpu to the losses that it has on tensorflow', async () => {
      enableTraining();
      const expected = await losses('tensorflow');
      expect(expected).toHaveLength(STEPS);
      expect(expected.at(-1)).toBeLessThan(expected[0]!);
      for (const backend of ['wasm', 'cpu'] as const)
        expectClose([...(await losses(backend))], [...expected], 1e-5, 1e-2);
    });

    test('trains in stock tfjs to others on cpu, without a word', async () => {
      const [cpu, tensorflow] = [await losses('cpu'), await losses('tensorflow')];
      expect(Math.abs(cpu.at(-1)! - tensorflow.at(-1)!)).toBeGreaterThan(1e-3);
    });
  },
);
