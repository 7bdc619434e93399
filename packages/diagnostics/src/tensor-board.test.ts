/** Files for TensorBoard, read back by a reader of their own format, and with TENSORBOARD_PYTHON by the real one. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends, useBackend } from '../../../test/backends.ts';
import { smallModel } from '../../../test/models.ts';
import { readEvents } from '../test/read-events.ts';
import { logTraining } from './index.ts';
import { toTensorBoard } from './node.ts';

const python = process.env['TENSORBOARD_PYTHON'];

describe.skipIf(!backends.includes('tensorflow'))('on tensorflow', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensor board '));
  beforeAll(() => useBackend('tensorflow'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const eventsIn = (path: string) =>
    readdirSync(path).flatMap((file) => readEvents(readFileSync(join(path, file))));

  test('numbers come back with their names and steps, and every record has its checksums', () => {
    const before = tf.memory().numTensors;
    const path = join(folder, 'loop');
    const logger = toTensorBoard(path);
    logger.log(1, { 'train/loss': 0.5, learning_rate: 1e-3 });
    logger.log(2 ** 31 - 2, { 'scale/hidden/kernel': -2 });
    logger.close();
    expect(tf.memory().numTensors).toBe(before);
    expect(eventsIn(path)).toEqual([
      { name: 'train/loss', step: 1, value: 0.5 },
      { name: 'learning_rate', step: 1, value: Math.fround(1e-3) },
      { name: 'scale/hidden/kernel', step: 2 ** 31 - 2, value: -2 },
    ]);
    expect(() => logger.log(2, {})).toThrow(/was closed/);
  });

  test('a record that was damaged does not pass the reader', () => {
    const path = join(folder, 'loop');
    const bytes = readFileSync(join(path, readdirSync(path)[0] as string));
    bytes[bytes.length - 6]! ^= 1;
    expect(() => readEvents(bytes)).toThrow(/checksum/);
  });

  test('a run of fit is what its history says', async () => {
    const path = join(folder, 'fit');
    const model = smallModel();
    model.compile({ optimizer: adam({ learningRate: 0.01 }), loss: 'meanSquaredError' });
    const [x, y] = [tf.ones([8, 3]), tf.zeros([8, 2])];
    const logger = toTensorBoard(path);
    const { history } = await model.fit(x, y, {
      ...{ batchSize: 8, epochs: 3, verbose: 0 },
      callbacks: [logTraining(logger)],
    });
    logger.close();
    const losses = eventsIn(path).filter(({ name }) => name === 'train/loss');
    expect(losses.map(({ step }) => step)).toEqual([1, 2, 3]);
    losses.forEach(({ value }, i) => {
      expect(value).toBeCloseTo(history['loss']![i] as number, 6);
    });
  });

  test.skipIf(python === undefined)('the package tensorboard reads the same', () => {
    const path = join(folder, 'loop');
    const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator, SCALARS
events = EventAccumulator(sys.argv[1], size_guidance={SCALARS: 0}); events.Reload()
print(json.dumps([{'name': tag, 'step': e.step, 'value': e.value}
    for tag in events.Tags()['scalars'] for e in events.Scalars(tag)]))`;
    const { stdout, stderr } = spawnSync(python as string, ['-c', script, path], {
      encoding: 'utf8',
    });
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    expect(JSON.parse(stdout || stderr).sort(byName)).toEqual(eventsIn(path).sort(byName));
  });
});
