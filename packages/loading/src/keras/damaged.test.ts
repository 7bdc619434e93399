/** Damaged and hostile files of Keras: each is refused, or loads the right weights, soon, and leaves nothing behind. */
import * as tf from '@tensorflow/tfjs';
import { unzipSync, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import {
  damagedBytes,
  type Hdf5Writer,
  hdf5With,
  type ZipEntry,
  zipOf,
} from '../../test/hostile-files.ts';
import { casesIn, free, type SavedCase } from '../../test/keras-cases.ts';
import { startWatchdog, type Watchdog } from '../../test/watchdog.ts';
import { loadModel } from '../index.ts';
import { hdf5Library } from './hdf5-library.ts';

const SLIP =
  /undefined|NaN|\[object|Cannot (read|convert|use|set|create)|is not (a function|iterable|a constructor)|call stack/;

const fileNamed = (archive: string, name: string, ending: string): Uint8Array =>
  (casesIn(archive).find((each) => each.name === name) as SavedCase).files[ending] as Uint8Array;

interface Outcome {
  /** The values of the weights; null where the file is refused. */
  readonly weights: readonly number[] | null;
  readonly error: Error | null;
  readonly milliseconds: number;
  readonly tensors: number;
}

async function outcomeOf(bytes: Uint8Array): Promise<Outcome> {
  const before = tf.memory().numTensors;
  const began = process.cpuUsage();
  let [weights, error]: [number[] | null, Error | null] = [null, null];
  try {
    const model = await loadModel(bytes);
    weights = model.weights.flatMap((weight) => [...weight.read().dataSync()]);
    free(model);
  } catch (thrown) {
    error = thrown as Error;
  }
  const { user, system } = process.cpuUsage(began);
  const tensors = tf.memory().numTensors - before;
  return { weights, error, milliseconds: (user + system) / 1000, tensors };
}

function expectReason({ error }: Outcome, which: string): void {
  expect(error?.message, which).toMatch(/^loadModel: \S.{20,}[.?]$/s);
  expect(error?.message, `${which}: ${error?.stack}`).not.toMatch(SLIP);
}

/** What is left in the memory of h5wasm. */
async function filesInMemory(): Promise<string[]> {
  const { module } = await hdf5Library();
  const { readdir } = module.FS as unknown as { readdir(path: string): string[] };
  return readdir('/').filter((name) => name.endsWith('.h5'));
}

let dog: Watchdog;
beforeAll(async () => {
  dog = startWatchdog(60_000);
  await hdf5Library();
});
afterAll(() => dog.stop());

const SEEDS = 50;

onCpu(() => {
  test('200 damaged files: .keras never loads other weights; .h5 has no checksum, and can', async () => {
    const zeros = () => ({ refused: 0, right: 0, other: 0 });
    const counts = { keras: zeros(), h5: zeros() };
    const count = (ending: string) => counts[ending as keyof typeof counts];
    for (const [at, [version, name, ending]] of [
      ['3.15.1', 'tagger', 'keras'],
      ['2.15.0', 'normalized', 'keras'],
      ['3.15.1', 'tagger', 'h5'],
      ['2.15.0', 'normalized', 'h5'],
    ].entries()) {
      const whole = fileNamed(`versions/keras-${version}.zip`, name as string, ending as string);
      const right = (await outcomeOf(whole)).weights;
      expect(right?.length).toBeGreaterThan(10);
      for (let seed = 1; seed <= SEEDS; seed++) {
        const which = `${name}.${ending} of ${version}, seed ${seed}`;
        const bytes = damagedBytes(whole, 1000 * at + seed);
        const outcome = await dog.watch(which, () => outcomeOf(bytes));
        expect(outcome.tensors, which).toBe(0);
        expect(outcome.milliseconds, which).toBeLessThan(1000);
        if (outcome.error !== null) expectReason(outcome, which);
        const isRight = JSON.stringify(outcome.weights) === JSON.stringify(right);
        const kind = outcome.weights === null ? 'refused' : isRight ? 'right' : 'other';
        count(ending as string)[kind] += 1;
      }
    }
    expect(counts.keras.other).toBe(0);
    for (const { refused, right, other } of Object.values(counts)) {
      expect(refused + right + other).toBe(2 * SEEDS);
      expect(Math.min(refused, right)).toBeGreaterThan(2);
      expect(other).toBeLessThan(20);
    }
    expect(await filesInMemory()).toEqual([]);
  }, 300_000);

  test('a whole file loads after all of them', async () => {
    const whole = fileNamed('versions/keras-3.15.1.zip', 'tagger', 'keras');
    expect((await outcomeOf(whole)).error).toBeNull();
  });

  describe('archives', () => {
    const whole = unzipSync(fileNamed('versions/keras-3.15.1.zip', 'mlp', 'keras'));
    const entry = (name: string, claims: ZipEntry['claims'] = {}): ZipEntry => ({
      name,
      data: whole[name] as Uint8Array,
      claims,
    });
    const others = [entry('metadata.json'), entry('config.json')];
    const weights = 'model.weights.h5';
    const extra = (name: string): ZipEntry => ({ name, data: new Uint8Array([1, 2, 3]) });
    const bomb = zipSync({ ...whole, [weights]: new Uint8Array(50_000_000) }, { level: 9 });

    test.each<readonly [string, Uint8Array, RegExp]>([
      [
        'a path upwards',
        zipOf([...others, entry(weights), extra('../x')]),
        /relative paths inside/,
      ],
      ['an absolute path', zipOf([...others, entry(weights), extra('/etc/x')]), /relative paths/],
      ['a path of Windows', zipOf([...others, entry(weights), extra('..\\x')]), /relative paths/],
      ['a drive', zipOf([...others, entry(weights), extra('C:x')]), /relative paths inside/],
      [
        'an entry twice',
        zipOf([...others, entry(weights), entry('config.json')]),
        /each entry once/,
      ],
      [
        'shared bytes',
        zipOf([
          ...others,
          entry(weights),
          { ...entry(weights, { startOf: 2, localName: 'b' }), name: 'b' },
        ]),
        /another name|share no bytes/,
      ],
      ['a size too small', zipOf([...others, entry(weights, { size: 5 })]), /of 5 bytes/],
      [
        'a size too large',
        zipOf([...others, entry(weights, { size: 4e9, compressed: 4e9 })]),
        /hold all of/,
      ],
      ['a wrong checksum', zipOf([...others, entry(weights, { crc: 7 })]), /the checksum/],
      ['encryption', zipOf([...others, entry(weights, { flags: 1 })]), /without encryption/],
      ['another method', zipOf([...others, entry(weights, { method: 12 })]), /stored or deflated/],
      [
        'deflated noise',
        zipOf([...others, entry(weights, { method: 8 })]),
        /format of deflate|bytes/,
      ],
      [
        'another local name',
        zipOf([...others, entry(weights, { localName: 'model.weights.h6' })]),
        /another name/,
      ],
      ['no weights', zipOf(others), /Received one without "model.weights.h5"/],
      ['no topology', zipOf([entry('metadata.json'), entry(weights)]), /without "config.json"/],
      ['a bomb', bomb, /grow at most 100 times/],
      [
        'weights that are not HDF5',
        zipOf([...others, { name: weights, data: new Uint8Array(99) }]),
        /HDF5 file/,
      ],
      [
        'a topology that is not JSON',
        zipOf([{ name: 'config.json', data: new Uint8Array([123]) }, entry(weights)]),
        /must be JSON/,
      ],
      [
        'a topology that is a list',
        zipOf([{ name: 'config.json', data: new TextEncoder().encode('[]') }, entry(weights)]),
        /must be an object/,
      ],
    ])('with %s are refused', async (which, bytes, message) => {
      const outcome = await dog.watch(which, () => outcomeOf(bytes));
      expectReason(outcome, which);
      expect(outcome.error?.message).toMatch(message);
      expect(outcome.tensors).toBe(0);
      expect(outcome.milliseconds).toBeLessThan(1000);
    });

    test('with HDF5 whose compressed data is damaged are refused', async () => {
      const data = await hdf5With((file) => {
        const vars = file.create_group('layers').create_group('dense').create_group('vars');
        const values = Float32Array.from({ length: 20 }, (_, i) => i % 3);
        vars.create_dataset({
          name: '0',
          data: values,
          shape: [4, 5],
          chunks: [4, 5],
          compression: 9,
        });
      });
      const at = data.findIndex((byte, i) => byte === 0x78 && data[i + 1] === 0xda);
      expect(at).toBeGreaterThan(0);
      data.fill(0x5a, at + 2, at + 8);
      const outcome = await outcomeOf(zipOf([...others, { name: weights, data }]));
      expect(outcome.error?.message).toMatch(/be readable at "layers\/dense\/vars\/0"/);
    });

    test('that were compressed by another program load', async () => {
      const right = (await outcomeOf(zipOf([...others, entry(weights)]))).weights;
      expect(right?.length).toBeGreaterThan(10);
      const { weights: deflated } = await outcomeOf(zipSync(whole, { level: 9 }));
      expect(deflated).toEqual(right);
    });

    const hostile: readonly (readonly [string, (file: Hdf5Writer) => void, RegExp])[] = [
      [
        'a cycle of groups',
        (file) => {
          file.create_group('layers').create_group('dense');
          file.create_hard_link('/layers', '/layers/dense/again');
        },
        /groups deep|contain themselves/,
      ],
      [
        'groups that double at each level',
        (file) => {
          let path = '';
          for (let i = 0; i < 30; i++) {
            file.create_group(`${path}/a`);
            file.create_hard_link(`${path}/a`, `${path}/b`);
            path += '/a';
          }
        },
        /contain themselves/,
      ],
      [
        'a soft link to nowhere',
        (file) => {
          file.create_group('layers');
          file.create_soft_link('/nowhere', 'layers/dense');
        },
        /a link or the like/,
      ],
      [
        'a link to another file',
        (file) => {
          file.create_group('layers');
          file.create_external_link('/etc/passwd', '/', 'layers/dense');
        },
        /a link or the like|readable/,
      ],
      [
        'values of a huge declared shape',
        (file) => {
          const vars = file.create_group('layers').create_group('dense').create_group('vars');
          const data = new Float32Array(4);
          vars
            .create_dataset({ name: '0', data, shape: [4], chunks: [4], maxshape: [null] })
            .resize([400_000_000]);
        },
        /of which it declares 1600000000/,
      ],
      [
        'weights of another shape',
        (file) => {
          const vars = file.create_group('layers').create_group('dense').create_group('vars');
          vars.create_dataset({ name: '0', data: new Float32Array(4), shape: [2, 2] });
        },
        /must be float32 of shape|must hold/,
      ],
      [
        'weights of another dtype',
        (file) => {
          const vars = file.create_group('layers').create_group('dense').create_group('vars');
          vars.create_dataset({ name: '0', data: new Int32Array(20), shape: [4, 5] });
        },
        /must be float32 of shape|must hold/,
      ],
      [
        'no weights',
        (file) => {
          file.create_group('layers');
        },
        /must hold/,
      ],
    ];
    test.each(hostile)('with HDF5 that holds %s are refused', async (which, write, message) => {
      const data = await hdf5With(write);
      const bytes = zipOf([...others, { name: weights, data }]);
      const outcome = await dog.watch(which, () => outcomeOf(bytes));
      expectReason(outcome, which);
      expect(outcome.error?.message).toMatch(message);
      expect(outcome.tensors).toBe(0);
      expect(outcome.milliseconds).toBeLessThan(1000);
      expect(await filesInMemory()).toEqual([]);
    });
  });
});
