/** 20 steps of every kind of layer on wasm, in as many threads as the address says, equal those on cpu.
 * `only` keeps the kinds whose name begins with it. */
import '@tensorflow/tfjs';
import { getThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { enableTraining, trainingThreads } from '@tfjs-lrm/kernels';
import { trainAttention } from '../../../test/attention-layers.ts';
import { trainKind, ZOO } from '../../../test/layer-zoo.ts';
import { largestError, report } from './report.ts';
import { setUpWasm } from './wasm.ts';

const STEPS = 20;
const TOLERANCE = 1e-5;

const query = new URLSearchParams(location.search);
const threads = Number(query.get('threads') ?? 2);
const only = query.get('only') ?? '';

const kinds: Record<string, () => Promise<number[][]>> = {
  ...Object.fromEntries(
    Object.entries(ZOO).map(([name, kind]) => [name, () => trainKind(kind, STEPS)]),
  ),
  'EinsumDense and MultiHeadAttention': async () => trainAttention(STEPS),
};

await report(async ({ note, check }) => {
  setUpWasm(threads);
  enableTraining({ threads });
  check('the page is isolated from other origins', crossOriginIsolated);
  check('the backend wasm starts', await tf.setBackend('wasm'));
  check(
    'the browser has threads for wasm',
    (await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT')) === true,
  );
  check(`wasm runs in ${getThreadsCount()} threads`, getThreadsCount() === threads);
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
  check('its heap is shared', wasm.HEAPU8.buffer instanceof SharedArrayBuffer);
  const { threads: own, reason = 'as many as were asked for' } = trainingThreads();
  check(`our module runs in ${own} threads: ${reason}`, own === threads);
  const product = () =>
    tf.tidy(() => {
      const a = tf.randomUniform([2, 300, 257], -1, 1, 'float32', 1);
      const b = tf.randomUniform([2, 401, 257], -1, 1, 'float32', 2);
      return tf.matMul(a, b, false, true).dataSync();
    });
  enableTraining({ threads: 1 });
  const bits = product();
  enableTraining({ threads });
  let isSame = true;
  for (let i = 0; i < 50; i++) {
    await tf.nextFrame(); // a worker starts only while this thread is idle
    isSame &&= product().every((value, at) => value === bits[at]);
  }
  check('a large product has the bits of one thread', isSame);

  note(
    `${STEPS} steps on wasm against ${STEPS} on cpu, relative to the larger of a value and 0.1:`,
  );
  for (const [name, train] of Object.entries(kinds).filter(([key]) => key.startsWith(only))) {
    await tf.setBackend('cpu');
    const expected = await train();
    await tf.setBackend('wasm');
    const tensors = tf.memory().numTensors;
    const actual = await train();
    const left = tf.memory().numTensors - tensors;
    const error = largestError(actual, expected, 0.1);
    check(
      `${name}: ${error.toExponential(1)}, ${left} tensors left`,
      error < TOLERANCE && left === 0,
    );
  }
});
