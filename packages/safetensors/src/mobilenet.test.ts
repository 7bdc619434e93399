/**
 * A folded MobileNetV2, as Python reads it. `npm run check:safetensors -- PYTHON` asks a Python with the package
 * safetensors; otherwise its answer is the one in fixtures/safetensors/mobilenet.json, which that command writes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { mobilenet } from '../../multipliers/test/mobilenet.ts';
import { loadSafetensors, modelToSafetensors } from './index.ts';

const fixtures = fileURLToPath(new URL('../../../fixtures/safetensors/', import.meta.url));
const python = process.env['SAFETENSORS_PYTHON'];

interface Seen {
  readonly metadata: Record<string, string>;
  readonly tensors: Record<string, { dtype: string; shape: number[]; sha256: string }>;
}

/** What Python says of the file, and the same tensors as a file that Python wrote. */
function throughPython(file: Uint8Array): { seen: Seen; copy: Uint8Array } {
  const answer = join(fixtures, 'mobilenet.json');
  if (python === undefined) return { seen: JSON.parse(readFileSync(answer, 'utf8')), copy: file };
  const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
  try {
    const [path, copy] = [join(folder, 'ours'), join(folder, 'theirs')];
    writeFileSync(path, file);
    const text = execFileSync(python, [join(fixtures, 'make.py'), '--read', path, copy], {
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
    writeFileSync(answer, text);
    return { seen: JSON.parse(text), copy: new Uint8Array(readFileSync(copy)) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const bytesOf = (values: tf.TypedArray): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

test('a folded MobileNetV2 opens in Python with equal arrays, and comes back', async () => {
  await useBackend('cpu');
  const loaded = await mobilenet();
  const added = addMultipliers(loaded);
  // Powers of two, so that folding is exact and the same on every machine.
  for (const weight of added.weights.filter(({ name }) => /multiplier/.test(name))) {
    const factors = tf.tidy(() => tf.pow(2, tf.sub(tf.mod(tf.range(0, weight.read().size), 3), 1)));
    variableOf(weight).assign(tf.reshape(factors, weight.shape as number[]));
  }
  const folded = foldMultipliers(added);
  const file = await modelToSafetensors(folded, { metadata: { format: 'tfjs' } });
  const { seen, copy } = throughPython(file);

  const own = folded.weights.map((weight) => [
    weight.originalName,
    {
      dtype: weight.dtype,
      shape: weight.shape,
      sha256: createHash('sha256').update(bytesOf(weight.read().dataSync())).digest('hex'),
    },
  ]);
  expect(own.length).toBeGreaterThan(250);
  expect(seen.metadata).toEqual({ format: 'tfjs' });
  expect(Object.fromEntries(own)).toEqual(seen.tensors);

  // Into a model whose weights are others.
  const hashes = (): string[] =>
    loaded.weights.map((weight) =>
      createHash('sha256').update(bytesOf(weight.read().dataSync())).digest('hex'),
    );
  const before = hashes();
  loadSafetensors(loaded, copy);
  const after = hashes();
  expect(after).not.toEqual(before);
  expect(after).toEqual(
    loaded.weights.map(({ originalName }) => seen.tensors[originalName]?.sha256),
  );
}, 300_000);
