import * as tf from '@tensorflow/tfjs-core';
import * as tfLayers from '@tensorflow/tfjs-layers';
import { expect, it } from 'vitest';
import { onTensorFlow } from '../../test/training.ts';
import { nodeBackend } from './backend.ts';
import {
  engine,
  fieldsOf,
  incrementIterations,
  isSequential,
  keepSilently,
  randomGenerators,
  SCOPE_SUFFIX,
  setIterations,
  tfjsLayers,
} from './internals.ts';

const functions = (object: object, names: readonly string[]): void => {
  for (const name of names) {
    expect(typeof (object as Record<string, unknown>)[name], name).toBe('function');
  }
};

onTensorFlow(() => {
  it('the engine of tfjs has what is used of it', () => {
    const methods = ['runKernel', 'keep', 'makeTensorFromTensorInfo', 'disposeTensor', 'incRef'];
    functions(engine(), methods);
    const variable = tf.variable(tf.scalar(1), true, 'internals/registered');
    expect(engine().registeredVariables['internals/registered']).toBe(variable);
    variable.dispose();
    expect(engine().registeredVariables).not.toHaveProperty('internals/registered');
    functions(engine().state.tensorInfo, ['get', 'set', 'delete']);
    expect(engine().state.gradientDepth).toBe(0);
    tf.grad((x) => {
      expect(engine().state.gradientDepth).toBe(1);
      return tf.sum(x);
    })(tf.scalar(1));
  });

  it('an operation runs in a scope of its name', () => {
    const { runKernel } = engine();
    let scopes: string[] = [];
    let active: string | undefined;
    engine().runKernel = function (...args) {
      scopes = engine().state.scopeStack.map(({ name }) => name);
      active = engine().state.activeScope?.name;
      return runKernel.apply(this, args);
    };
    tf.tidy(() => tf.relu(tf.scalar(1)));
    Reflect.deleteProperty(engine(), 'runKernel');
    expect(active).toBe(`relu${SCOPE_SUFFIX}`);
    expect(scopes).toContain(`relu${SCOPE_SUFFIX}`);
  });

  it("tfjs-node's backend has what is used of it, and keeps values until an operation asks for them", () => {
    const backend = nodeBackend('test');
    functions(backend, ['getInputTensorIds', 'createOutputTensor', 'incRef', 'readSync', 'read']);
    functions(backend, ['write']);
    functions(backend.tensorMap, ['get', 'set', 'has', 'delete']);
    functions(backend.binding, ['executeOp', 'createTensor', 'deleteTensor', 'callFunction']);
    const { binding } = backend;
    for (const name of [
      'FLOAT',
      'INT32',
      'BOOL',
      ...['STRING', 'INT', 'FLOAT', 'BOOL', 'TYPE', 'SHAPE'].map((type) => `ATTR_${type}`),
    ]) {
      expect((binding as unknown as Record<string, unknown>)[`TF_${name}`], name).toEqual(
        expect.any(Number),
      );
    }
    const tensor = tf.tensor1d([1, 2]);
    const stored = backend.tensorMap.get(tensor.dataId);
    expect(stored).toMatchObject({ shape: [2], dtype: binding.TF_FLOAT, refCount: 1 });
    expect(stored.values).toEqual(Float32Array.of(1, 2));
    const [id] = backend.getInputTensorIds([tensor]);
    expect(backend.tensorMap.get(tensor.dataId)).toMatchObject({ id, values: null });
    tensor.dispose();
  });

  it('a tensor that is kept outlives tf.tidy', () => {
    let tensor: tf.Tensor | undefined;
    tf.tidy(() => {
      tensor = tf.scalar(1);
      keepSilently(tensor);
    });
    expect(tensor?.isDisposed).toBe(false);
    tensor?.dispose();
  });

  it('an optimizer counts its steps, and holds its numbers and slots in fields', () => {
    const optimizer = tf.train.momentum(0.5, 0.75);
    incrementIterations(optimizer);
    expect(optimizer.iterations).toBe(1);
    setIterations(optimizer, 7);
    expect(optimizer.iterations).toBe(7);
    expect(fieldsOf(optimizer)).toEqual(expect.arrayContaining([0.5, 0.75]));
    expect(fieldsOf(optimizer)).not.toContain(7);
    const variable = tf.variable(tf.scalar(1));
    tf.tidy(() => optimizer.applyGradients([{ name: variable.name, tensor: tf.scalar(1) }]));
    expect(fieldsOf(optimizer).filter((field) => field instanceof tf.Variable)).toHaveLength(1);
    tf.dispose(variable);
    optimizer.dispose();
  });

  it('a model makes the functions that run a batch, and a Sequential has one inside', () => {
    expect(tfjsLayers()?.LayersModel).toBe(tfLayers.LayersModel);
    expect(tfjsLayers()?.Sequential).toBe(tfLayers.Sequential);
    const methods = ['makeTrainFunction', 'makeTestFunction', 'predictLoop', 'compile'];
    functions(tfLayers.LayersModel.prototype, methods);
    functions(tfLayers.layers.Layer.prototype, ['apply']);
    const model = tfLayers.sequential({
      layers: [tfLayers.layers.dense({ units: 1, inputShape: [1] })],
    });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    expect(isSequential(model)).toBe(true);
    const inner = (model as unknown as { model: tfLayers.LayersModel }).model;
    expect(inner).toBeInstanceOf(tfLayers.LayersModel);
    expect(isSequential(inner)).toBe(false);
    expect(inner.optimizer).toBeInstanceOf(tf.Optimizer);
    functions(inner, methods);
    (inner as unknown as { makeTestFunction(): void }).makeTestFunction();
    functions(inner, ['testFunction']);
    model.dispose();
  });

  it('random numbers come from two generators, whose fields say how they are drawn', () => {
    const generators = randomGenerators();
    expect(generators).toHaveLength(2);
    expect(Object.prototype).not.toHaveProperty('random');
    const drawn: object[] = [];
    for (const generator of generators) {
      const { nextValue } = generator;
      generator.nextValue = function () {
        drawn.push(this);
        return nextValue.call(this);
      };
      try {
        tf.dispose([tf.randomUniform([1], 2, 5), tf.truncatedNormal([1], 3, 7)]);
      } finally {
        generator.nextValue = nextValue;
      }
    }
    const fields = [
      { min: 2, range: 3 },
      { mean: 3, stdDev: 7, truncated: true },
    ];
    for (const each of fields) expect(drawn).toContainEqual(expect.objectContaining(each));
  });
});
