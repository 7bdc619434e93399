/** Damaged files: each loads or says what is wrong, soon, and the wrapper leaves no tensor of its own. */
import * as tf from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  loadLayersModel,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { random } from '../../../test/tensors.ts';
import { filesOf } from '../test/files.ts';
import { addMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

const start = { recurrentInitializer: 'glorotNormal' } as const;
const images = (): LayersModel =>
  sequential({
    layers: [
      layers.conv2d({ filters: 2, kernelSize: 2, inputShape: [5, 5, 1], name: 'conv' }),
      layers.batchNormalization({ name: 'norm' }),
      layers.separableConv2d({ filters: 2, kernelSize: 2, name: 'separable' }),
      layers.flatten(),
      layers.dense({ units: 2, name: 'out' }),
    ],
  });
const sentences = (): LayersModel =>
  sequential({
    layers: [
      layers.embedding({ inputDim: 5, outputDim: 3, inputLength: 4, name: 'tokens' }),
      layers.bidirectional({
        layer: layers.lstm({ units: 2, returnSequences: true, ...start }),
        mergeMode: 'concat',
        name: 'both',
      }),
      layers.timeDistributed({ layer: layers.dense({ units: 2, name: 'each' }), name: 'every' }),
      layers.gru({ units: 2, name: 'gru', ...start }),
    ],
  });

type Json = Record<string, unknown>;
type Random = () => number;
const pick = <T>(next: Random, from: readonly T[]): T =>
  from[Math.floor(next() * from.length)] as T;

/** All objects in a configuration with keys, wherever they lie. */
function objectsIn(value: unknown): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) || Object.keys(value).length === 0
    ? inside
    : [value as Json, ...inside];
}

const deep = (levels: number): unknown => (levels === 0 ? 1 : { layer: deep(levels - 1) });
const WRONG: readonly (() => unknown)[] = [
  ...[null, true, 'nonsense', -1, 1.5, 0, 1e12, 2 ** 40].map((value) => () => value),
  () => [],
  () => ({}),
  () => [1e12, -3],
  () => deep(40),
  () => deep(400),
  () => ({ class_name: 'Nowhere', config: {} }),
  () => ({ class_name: 'constructor', config: {} }),
  () => JSON.parse('{"__proto__": {"units": 3}}'),
  () => ({ constructor: { prototype: { polluted: true } } }),
];
const CLASSES = ['Nowhere', 'constructor', '__proto__', 'LrmMultipliers', 'Dense', 'toString', 7];

/** One change somewhere in a configuration. */
function change(next: Random, config: unknown): void {
  const target = pick(next, objectsIn(config));
  const key = pick(next, Object.keys(target));
  const kind = next();
  if (kind < 0.25) delete target[key];
  else if (kind < 0.35) Object.assign(target, { constructor: { prototype: 1 } });
  else if (kind < 0.45)
    target['className' in target ? 'className' : 'class_name'] = pick(next, CLASSES);
  else target[key] = pick(next, WRONG)();
}

/** One to three changes, in the configurations of layers or in the weights. */
function damage({ json, bytes }: File, seed: number): File {
  const next = random(seed);
  const model = structuredClone(json);
  const entries = (model.modelTopology as { config: { layers: Json[] } }).config.layers;
  let data = bytes;
  for (let count = Math.ceil(next() * 3); count > 0; count--) {
    if (next() < 0.15) {
      const spec = pick(next, model.weightsManifest[0].weights);
      if (next() < 0.3) data = data.slice(0, Math.floor(next() * data.byteLength));
      else Object.assign(spec, { [pick(next, ['shape', 'dtype', 'name'])]: pick(next, WRONG)() });
      continue;
    }
    change(next, entries);
  }
  return { json: model, bytes: data };
}

interface File {
  readonly json: { readonly modelTopology: Json; readonly weightsManifest: [{ weights: Json[] }] };
  readonly bytes: ArrayBuffer;
}

async function fileOf(model: LayersModel): Promise<File> {
  const files = await filesOf(model);
  const bytes = (name: string): Buffer => Buffer.from(files[name] as string, 'base64');
  const json = JSON.parse(bytes('model.json').toString()) as File['json'];
  return { json, bytes: new Uint8Array(bytes('weights.bin')).buffer };
}

interface Outcome {
  readonly error: Error | null;
  readonly milliseconds: number;
  /** Names of the variables that loading left, and the number of tensors. */
  readonly left: readonly string[];
  readonly tensors: number;
}

/** Loads a file, frees what came of it, and cleans up what tfjs left. */
async function outcome({ json, bytes }: File): Promise<Outcome> {
  const variables = (): tf.Variable[] => Object.values(tf.engine().registeredVariables);
  const [before, known] = [tf.memory().numTensors, new Set(variables())];
  const began = process.cpuUsage();
  let error: unknown = null;
  try {
    const artifacts = JSON.parse(JSON.stringify(json.modelTopology)) as object;
    const weightSpecs = json.weightsManifest[0].weights as unknown as tf.io.WeightsManifestEntry[];
    const model = await loadLayersModel(
      tf.io.fromMemory({ modelTopology: artifacts, weightSpecs, weightData: bytes }),
    );
    model.dispose();
  } catch (thrown) {
    error = thrown;
  }
  const used = process.cpuUsage(began);
  const left = variables().filter((variable) => !known.has(variable));
  const tensors = tf.memory().numTensors - before;
  for (const variable of left) variable.dispose();
  return {
    error: error as Error | null,
    milliseconds: (used.user + used.system) / 1000,
    left: left.map(({ name }) => name),
    tensors,
  };
}

describe.each([
  ['images', images],
  ['sentences', sentences],
] as const)('50 damaged files of a wrapped and of a plain model of %s', (_, build) => {
  test('load or are refused, with a reason, within a second of work, and the wrapper leaves nothing', async () => {
    const plain = build();
    const sources = { plain: await fileOf(plain), wrapped: await fileOf(addMultipliers(plain)) };
    expect((await outcome(sources.wrapped)).error).toBeNull();
    const found = { loaded: 0, byWrapper: 0, byTfjs: 0, plainLeft: 0, wrappedLeft: 0 };
    for (let seed = 1; seed <= 50; seed++) {
      for (const kind of ['plain', 'wrapped'] as const) {
        const { error, milliseconds, left, tensors } = await outcome(damage(sources[kind], seed));
        expect(milliseconds).toBeLessThan(1000);
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
        found[`${kind}Left`] += tensors;
        if (error === null) {
          expect(tensors, `${kind} ${seed}`).toBe(0);
          found.loaded += 1;
          continue;
        }
        expect(error).toBeInstanceOf(Error);
        expect(error.message.length).toBeGreaterThan(10);
        if (/^withMultipliers: /.test(error.message)) {
          found.byWrapper += 1;
          // A sequential model leaves the layers before the refused one, as tfjs does; of that one nothing.
          const refused = error.message.match(/layer "([^"]+)"/)?.[1];
          expect(left.filter((name) => name.startsWith(`${refused}/`))).toEqual([]);
        } else {
          found.byTfjs += 1;
          // What tfjs says of a weight that it cannot make may come through ours; no slip of our own.
          const throughOurs = /multipliers.src.(?!fuzz)/.test(error.stack ?? '');
          expect(throughOurs && error.name === 'TypeError', error.stack).toBe(false);
        }
      }
    }
    // All ways out were taken, and stock tfjs leaves what it had built before it gave up.
    for (const count of Object.values(found)) expect(count).toBeGreaterThan(0);
  });
});

test('of 200 damaged layers each is built or refused with a reason of ours, and leaves no tensor', () => {
  const wrapped = [images(), sentences()].flatMap((model) =>
    addMultipliers(model).layers.filter(({ name }) =>
      /^(conv|separable|tokens|both|gru)$/.test(name),
    ),
  );
  const before = tf.memory();
  let built = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const next = random(seed);
    const source = pick(next, wrapped);
    const cls = source.constructor as unknown as {
      fromConfig(cls: unknown, config: unknown): layers.Layer;
    };
    const config = JSON.parse(JSON.stringify(source.getConfig())) as Json;
    change(next, config);
    const shape = (source.input as SymbolicTensor).shape.slice(1) as number[];
    try {
      const layer = cls.fromConfig(cls, config);
      layer.apply(input({ shape }));
      layer.dispose();
      built += 1;
    } catch (error) {
      expect(String(error), `layer ${seed}`).toMatch(/Error: (withMultipliers|effective): .{20}/);
    }
    expect(tf.memory().numTensors, `layer ${seed}`).toBe(before.numTensors);
  }
  expect(built).toBeGreaterThan(20);
  expect(built).toBeLessThan(180);
});
