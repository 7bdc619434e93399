/** The command line: what it writes, what it says, and that it leaves nothing half done. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { inStockTfjs } from '../../../../test/files.ts';
import { build } from '../../../../test/process.ts';
import { casesIn, free, gapOf, type SavedCase } from '../../test/keras-cases.ts';
import { loadModel } from '../index.ts';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (...args: string[]): Promise<Outcome> =>
  promisify(execFile)('node', [main, ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Outcome) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );

const cases = casesIn('versions/keras-3.15.1.zip');
const tagger = cases.find(({ name }) => name === 'tagger') as SavedCase;

let folder: string;
beforeAll(async () => {
  await build(['loading']);
  folder = mkdtempSync(join(tmpdir(), 'tfjs-lrm-'));
  for (const { name, files } of cases) {
    for (const [ending, bytes] of Object.entries(files)) {
      writeFileSync(join(folder, `${name}.${ending}`), bytes);
    }
  }
  writeFileSync(join(folder, 'cut.keras'), (tagger.files['keras'] as Uint8Array).subarray(0, 5000));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

onCpu(() => {
  test.each(
    cases
      .filter(({ name }) => /tagger|normalized/.test(name))
      .map((saved) => [saved.name, saved] as const),
  )(
    'stock tfjs reads what it writes, and predicts as Keras does: %s',
    async (name, saved) => {
      const out = at(`${name}-web`);
      const { code, stdout, stderr } = await run('convert', at(`${name}.keras`), out);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^read .*: \d+ layers, [\d,]+ weights\nwrote .*model.json and 1 of/);
      expect(stdout).toMatch(/\ntf.loadLayersModel reads it\n$/);
      const names = readdirSync(out);
      expect(names.toSorted()).toEqual(['group1-shard1of1.bin', 'model.json']);
      const files = Object.fromEntries(
        names.map((each) => [each, readFileSync(join(out, each)).toString('base64')]),
      );
      const outputs = await inStockTfjs<{ values: number[] }[]>(
        'predictFrom(input.files, input.inputs)',
        { files, inputs: saved.inputs },
      );
      outputs.forEach(({ values }, i) => {
        const want = saved.outputs[i]?.values as number[];
        expect(
          Math.max(...values.map((value, j) => Math.abs(value - (want[j] as number)))),
        ).toBeLessThan(1e-5);
      });
      expect(outputs).toHaveLength(saved.outputs.length);
    },
    60_000,
  );

  test('a weight that was changed in what it wrote is refused by name', async () => {
    await run('convert', at('mlp.keras'), at('changed'));
    free(await loadModel(at('changed/model.json')));
    const path = at('changed/group1-shard1of1.bin');
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(9) ^ 1, 9);
    writeFileSync(path, bytes);
    await expect(loadModel(at('changed/model.json'))).rejects.toThrow(
      /weight "dense\/kernel" must have the checksum that was saved with it/,
    );
  }, 60_000);

  test('names the layers whose activation stock tfjs lacks', async () => {
    const hard = casesIn('keras-3.15.1.zip').find(({ name }) => name === 'hard') as SavedCase;
    writeFileSync(at('hard.keras'), hard.files['keras'] as Uint8Array);
    const { code, stdout } = await run('convert', at('hard.keras'), at('hard-web'));
    expect([code, stdout.split('\n').at(-2)]).toEqual([
      0,
      expect.stringMatching(
        /^tf.loadLayersModel alone lacks .*of_hard_sigmoid \(keras_hard_sigmoid\), .*load it with loadModel/,
      ),
    ]);
  }, 60_000);

  test('a model.json goes back to a .keras file', async () => {
    await run('convert', at('tagger.h5'), at('there'));
    const { code, stdout } = await run('convert', at('there/model.json'), at('again/tagger.keras'));
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/wrote .*tagger.keras, [\d.]+ kB\n$/),
    ]);
    const model = await loadModel(at('again/tagger.keras'));
    expect(gapOf(model, tagger, tagger.outputs)).toBeLessThan(1e-5);
    free(model);
  }, 60_000);

  test('what exists is replaced only when it is asked to', async () => {
    await run('convert', at('mlp.keras'), at('once'));
    const before = readFileSync(at('once/model.json'));
    const refused = await run('convert', at('tagger.keras'), at('once'));
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/model.json exists. Give another place, or --force/),
    ]);
    expect(readFileSync(at('once/model.json'))).toEqual(before);
    expect((await run('convert', at('tagger.keras'), at('once'), '--force')).code).toBe(0);
    expect(readFileSync(at('once/model.json'))).not.toEqual(before);
  }, 60_000);

  test.each([
    ['no command', [], 0, /^npx @tfjs-lrm\/loading convert FROM TO/],
    ['help', ['--help'], 0, /^npx @tfjs-lrm\/loading convert FROM TO/],
    ['another command', ['covert'], 2, /unknown command covert. Try convert/],
    ['one place', ['convert', 'tagger.keras'], 2, /takes two places/],
    ['an unknown option', ['convert', 'a', 'b', '--frce'], 2, /Unknown option '--frce'/],
    ['a file that is not there', ['convert', 'no.keras', 'x'], 2, /no.keras does not exist/],
    ['another format', ['convert', 'tagger.keras', 'x.h5'], 2, /folder, or a .keras file/],
    [
      'a file in place of a folder',
      ['convert', 'tagger.keras', 'mlp.keras/web'],
      1,
      /ENOTDIR|EEXIST/,
    ],
    ['a damaged file', ['convert', 'cut.keras', 'x'], 1, /^loadModel: the .keras file must end/],
    ['weights alone', ['convert', 'tagger.weights.h5', 'x'], 1, /one with weights alone/],
  ])(
    '%s: says so, ends with its code, and writes nothing',
    async (_, args, code, message) => {
      const before = readdirSync(folder);
      const places = args.map((each) => (/[.]/.test(each) || each === 'x' ? at(each) : each));
      const outcome = await run(...places);
      expect(outcome.code).toBe(code);
      expect(code === 0 ? outcome.stdout : outcome.stderr).toMatch(message);
      expect(outcome.stderr).not.toMatch(/\n\s+at /);
      expect(readdirSync(folder)).toEqual(before);
    },
    60_000,
  );
});
