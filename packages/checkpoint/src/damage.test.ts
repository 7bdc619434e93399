/** Files that are cut off, altered or of a later version, and folders that cannot be written. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as tfl from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { smallModel, train, weightsOf } from '../../../test/models.ts';
import { build } from '../../../test/process.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { lastCheckpoint, loadCheckpoint, saveCheckpoint } from './index.ts';
import { folderStore } from './node.ts';

onCpu(() => {
  let folder: string;
  let model: tfl.LayersModel;
  let first: number[][];
  let second: number[][];
  const at = (name: string): string => join(folder, 'run', name);
  const newest = (): string => at('000002.checkpoint');
  const trained = () => ({ model, optimizer: model.optimizer });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
    model = smallModel();
    model.compile({ optimizer: adam(), loss: 'meanSquaredError' });
    const store = folderStore(join(folder, 'run'));
    await train(model, 0, 1);
    first = weightsOf(model);
    await saveCheckpoint(store, { ...trained(), step: 1 });
    await train(model, 1, 2);
    second = weightsOf(model);
    await saveCheckpoint(store, { ...trained(), step: 2 });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const store = () => folderStore(join(folder, 'run'));

  it('a file cut off at each of 50 lengths, or with a flipped bit at each of 50 places: the one before serves', async () => {
    const bytes = readFileSync(newest());
    expect(bytes.length).toBeGreaterThan(1000);
    await loadCheckpoint(store(), trained());
    const recovers = async (): Promise<void> => {
      expect(
        await tensorsLeftBy(async () => {
          const from = await loadCheckpoint(store(), trained());
          expect(from).toMatchObject({ step: 1, number: 1, damaged: [2] });
        }),
      ).toBe(0);
      expect(weightsOf(model)).toEqual(first);
    };
    for (let i = 0; i < 50; i++) {
      truncateSync(newest(), Math.floor((i * bytes.length) / 50));
      await recovers();
      const altered = Buffer.from(bytes);
      const place = i < 25 ? 3 * i : Math.floor((i * (bytes.length - 1)) / 49);
      altered[place] = (altered[place] as number) ^ (1 << (i % 8));
      writeFileSync(newest(), altered);
      await recovers();
    }
    writeFileSync(newest(), Buffer.concat([bytes, Buffer.from([0])]));
    await recovers();
    writeFileSync(newest(), bytes);
    expect(await loadCheckpoint(store(), trained())).toMatchObject({ step: 2, damaged: [] });
    expect(weightsOf(model)).toEqual(second);
  });

  it('none that is whole: an error that names them, and nothing changes', async () => {
    for (const name of readdirSync(at(''))) truncateSync(at(name), 500);
    await expect(loadCheckpoint(store(), trained())).rejects.toThrow(
      /no checkpoint of .* is whole: 2, 1 cut off or altered\. Restore one/,
    );
    expect(weightsOf(model)).toEqual(second);
  });

  it('a later version is refused, not passed over for an older checkpoint', async () => {
    const bytes = readFileSync(newest());
    bytes.writeUInt32LE(7, 20);
    const header = bytes.subarray(60, 60 + bytes.readUInt32LE(24));
    createHash('sha256').update(bytes.subarray(20, 28)).update(header).digest().copy(bytes, 28);
    writeFileSync(newest(), bytes);
    await expect(lastCheckpoint(store())).rejects.toThrow(
      /number 2 of .* was written by another version .*its form is 7, this one reads 1\)\. Install/,
    );
  });

  it('a file in the place of the folder, or above it: an error that names it, with its code', async () => {
    writeFileSync(join(folder, 'file'), 'mine');
    for (const path of [join(folder, 'file'), join(folder, 'file', 'run')]) {
      const attempt = saveCheckpoint(folderStore(path), { model, step: 1 });
      await expect(attempt).rejects.toThrow(/folderStore: cannot .*file.*: E(EXIST|NOTDIR)/);
      await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
    }
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine');
    mkdirSync(at('000003.checkpoint'));
    await expect(lastCheckpoint(store())).rejects.toThrow(/cannot read a checkpoint: EISDIR/);
  });

  it('what a killed process left of a file goes with the next checkpoint, and other files stay', async () => {
    writeFileSync(at('000003.checkpoint.tmp'), 'half');
    writeFileSync(at('notes.tmp'), 'mine');
    expect(await saveCheckpoint(store(), { ...trained(), step: 3 })).toBe(3);
    expect(readdirSync(at('')).sort()).toEqual([
      '000001.checkpoint',
      '000002.checkpoint',
      '000003.checkpoint',
      'notes.tmp',
    ]);
  });

  it.each([undefined, '', 3])('folderStore(%o): a clear error', (path) => {
    expect(() => folderStore(path as never)).toThrow(/the path must be a string/);
  });
});

const ENTRY = pathToFileURL(join(import.meta.dirname, '../dist/node.js')).href;

/** Writes a checkpoint of two MB where files may have 1 MB, and prints what came of it. */
const FULL = `
import { folderStore } from ${JSON.stringify(ENTRY)};
process.on('SIGXFSZ', () => {});
try {
  folderStore(process.argv[1]).write(2, [new Uint8Array(2 ** 21)]);
} catch (error) {
  console.log(error.code, error.message);
}
`;

it.skipIf(process.platform === 'win32')(
  'a disk that is full: an error, and what was there stays',
  async () => {
    await build(['checkpoint']);
    const folder = mkdtempSync(join(tmpdir(), 'checkpoint-full-'));
    try {
      folderStore(folder).write(1, [new Uint8Array(3)]);
      const node = `"${process.execPath}" --input-type=module -e "$0" "$1"`;
      const output = execFileSync('bash', ['-c', `ulimit -f 1024; ${node}`, FULL, folder], {
        encoding: 'utf8',
      });
      expect(output).toMatch(
        /^EFBIG folderStore: cannot write a checkpoint into .*: EFBIG: file too large.*The checkpoints before are as they were/,
      );
      expect(readdirSync(folder)).toEqual(['000001.checkpoint']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
