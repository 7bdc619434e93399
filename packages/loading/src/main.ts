#!/usr/bin/env node
/** The command line: `npx @tfjs-lrm/loading convert FROM TO`. */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { convert, UsageError } from './convert/convert.ts';

const HELP = `npx @tfjs-lrm/loading convert FROM TO

  FROM      model.keras or model.h5 of Keras, or model.json of TensorFlow.js
  TO        a folder for model.json and its weights, or model.keras for Keras 3
  --force   replaces files that exist

Files of Keras need h5wasm, and everything a backend: npm install h5wasm @tensorflow/tfjs`;

const [FAILED, MISUSED] = [1, 2] as const;

function progress(what: string, fraction: number): void {
  if (!process.stderr.isTTY) return;
  const text = fraction < 1 ? `${what} … ${Math.floor(100 * fraction)} %` : '';
  process.stderr.write(`\r\u001b[K${text}`);
}

/** Registers the backend that holds the tensors. */
async function loadBackend(): Promise<void> {
  try {
    await import('@tensorflow/tfjs-backend-cpu');
    // Nothing is computed, so there is no faster backend to advertise.
    tf.enableProdMode();
  } catch (cause) {
    throw new Error('convert: a backend must be installed. Try npm install @tensorflow/tfjs.', {
      cause,
    });
  }
}

function argumentsGiven(): { from: string; to: string; force: boolean } | null {
  const { values, positionals } = (() => {
    try {
      return parseArgs({
        allowPositionals: true,
        options: { force: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      });
    } catch (error) {
      throw new UsageError(`convert: ${(error as Error).message}`);
    }
  })();
  const [command, from, to, ...others] = positionals;
  if (values.help || command === undefined) return null;
  if (command !== 'convert') {
    throw new UsageError(`loading: unknown command ${command}. Try convert.`);
  }
  if (from === undefined || to === undefined || others.length > 0) {
    throw new UsageError('convert: it takes two places, FROM and TO. Try convert model.keras web/');
  }
  return { from, to, force: values.force ?? false };
}

async function main(): Promise<void> {
  const given = argumentsGiven();
  if (given === null) {
    console.log(HELP);
    return;
  }
  await loadBackend();
  const log = (line: string): void => {
    progress('', 1);
    console.log(line);
  };
  await convert(given.from, given.to, { force: given.force, log, progress });
}

try {
  await main();
} catch (error) {
  progress('', 1);
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof UsageError ? MISUSED : FAILED;
}
