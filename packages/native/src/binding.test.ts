/** What the addon adds to tfjs-node's own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { build } from '../../../test/process.ts';
import { isLinked } from './linked.ts';

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}
interface Backend {
  readonly binding: {
    readonly TF_FLOAT: number;
    readonly TF_ATTR_TYPE: number;
    definition(...args: unknown[]): Uint8Array | undefined;
    addFunction(...args: unknown[]): void;
    removeFunction(name: string): void;
    translate(
      name: string,
      attributes: Attribute[],
      ids: number[],
    ): [string, Attribute[], number[]];
  };
  executeSingleOutput(name: string, attributes: Attribute[], inputs: tf.Tensor[]): tf.Tensor;
  getInputTensorIds(tensors: tf.Tensor[]): number[];
}

const index = fileURLToPath(new URL('../dist/index.js', import.meta.url));

describe.runIf(isLinked())('the addon', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    await build(['native']);
    await useBackend('tensorflow');
  }, 300_000);
  const backend = (): Backend => tf.backend() as unknown as Backend;

  it('rounds int32 tensors, which TensorFlow makes zeros of', () => {
    expect(tf.round(tf.tensor1d([1, -2, 3], 'int32')).arraySync()).toEqual([1, -2, 3]);
    expect(tf.round(tf.tensor1d([0.5, 1.5, -2.6])).arraySync()).toEqual([0, 2, -3]);
  });

  it('concatenates scalars, which TensorFlow refuses, and nothing else in another way', () => {
    const { binding } = backend();
    const attributes = [{ name: 'Tidx', type: 0, value: 3 }];
    const ids = backend().getInputTensorIds([tf.scalar(1), tf.scalar(2), tf.tensor1d([3])]);
    const [a, b, c] = ids as [number, number, number];
    expect(binding.translate('ConcatV2', attributes, [a, b, a])).toEqual([
      'Pack',
      [{ name: 'axis', type: expect.any(Number), value: 0 }],
      [a, b],
    ]);
    expect(binding.translate('ConcatV2', attributes, [a, c, a])).toEqual([
      'ConcatV2',
      attributes,
      [a, c, a],
    ]);
    expect(binding.translate('Concat', attributes, [a, b])).toEqual(['Concat', attributes, [a, b]]);
    expect(tf.concat([tf.scalar(1), tf.scalar(2)]).arraySync()).toEqual([1, 2]);
    const flags = [tf.scalar(true), tf.scalar(false)];
    expect(tf.concat(flags).arraySync()).toEqual([1, 0]);
  });

  it('knows the definitions of operations', () => {
    const { binding } = backend();
    expect(Buffer.from(binding.definition('ExpandDims') ?? []).toString('latin1')).toMatch(/Tdim/);
    expect(binding.definition('NoSuchOperation')).toBeUndefined();
    expect(() => binding.definition()).toThrow('must be the name of an operation');
  });

  it('adds a function, runs it, removes it, and names what is wrong with one', () => {
    const { binding } = backend();
    binding.addFunction('twice', twice(binding.TF_FLOAT), ['x:0'], ['sum:0']);
    const x = tf.tensor1d([1, 2]);
    expect(backend().executeSingleOutput('twice', [], [x]).arraySync()).toEqual([2, 4]);
    expect(() => binding.addFunction('wrong', twice(binding.TF_FLOAT), ['x:0'], ['sum:1'])).toThrow(
      'addFunction: the graph has no output sum:1.',
    );
    expect(() => binding.addFunction('wrong', new Uint8Array([1, 2]), [], [])).toThrow(
      'addFunction: Invalid GraphDef',
    );
    expect(() => binding.addFunction('wrong')).toThrow('the arguments must be a name');
    binding.removeFunction('twice');
    expect(() => binding.removeFunction('twice')).toThrow(/non-existent function/);
    expect(() => backend().executeSingleOutput('twice', [], [x])).toThrow(/twice/);
  });

  it('keeps a context per thread: the tensors and functions of one are not those of another', async () => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.index).then(() => {
        const tf = require('@tensorflow/tfjs-core');
        const { binding } = tf.backend();
        binding.addFunction('twice', workerData.graph, ['x:0'], ['sum:0']);
        const x = tf.tensor1d([workerData.number]);
        const sum = tf.backend().executeSingleOutput('twice', [], [x]).dataSync()[0];
        parentPort.postMessage([sum, binding.getNumOfTensors()]);
      });`;
    const graph = twice(backend().binding.TF_FLOAT);
    const answers = await Promise.all(
      [1, 2, 3].map(
        (number) =>
          new Promise((resolve, reject) => {
            // Without the tests' own conditions, under which the packages are their sources.
            const worker = new Worker(source, {
              eval: true,
              execArgv: [],
              workerData: { index, graph, number },
            });
            worker.once('message', resolve).once('error', reject);
          }),
      ),
    );
    expect(answers).toEqual([
      [2, 2],
      [4, 2],
      [6, 2],
    ]);
    expect(() => backend().binding.removeFunction('twice')).toThrow(/non-existent/);
  });

  it('starts without a word, and with one when the log is asked for', () => {
    const started = (level: string | undefined) => {
      const { TF_CPP_MIN_LOG_LEVEL: _, ...env } = process.env;
      const given = level === undefined ? env : { ...env, TF_CPP_MIN_LOG_LEVEL: level };
      const script = `await import(${JSON.stringify(index)}); console.error('mine');`;
      return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        env: given,
        encoding: 'utf8',
      }).stderr;
    };
    expect(started(undefined)).toBe('mine\n');
    expect(started('0')).toMatch(/cpu_feature_guard[\s\S]*mine\n$/);
  });
});

const bytes = (...parts: (string | number | number[])[]): number[] =>
  parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : part));
/** A field of a protocol buffer whose value is bytes. */
const field = (number: number, value: number[] | string): number[] =>
  bytes(number * 8 + 2, Buffer.byteLength(Buffer.from(value as string)), value);

/** A GraphDef: sum = Add(x, x). */
function twice(float: number): Uint8Array {
  const type = (name: string): number[] =>
    field(5, [...field(1, name), ...field(2, [6 * 8, float])]);
  const x = [...field(1, 'x'), ...field(2, 'Placeholder'), ...type('dtype')];
  const sum = [
    ...field(1, 'sum'),
    ...field(2, 'AddV2'),
    ...field(3, 'x'),
    ...field(3, 'x'),
    ...type('T'),
  ];
  return Uint8Array.from([...field(1, x), ...field(1, sum)]);
}
