/** Trains one model, and answers what the page asks between its steps. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import {
  decodeText,
  makeCorpus,
  minimizer,
  type Progress,
  scaleBands,
  train,
} from '@tfjs-lrm/language-model';
import { Failure, Mistake } from '@tfjs-lrm/shared/portable';
import type { FromWorker, Job, Memory, Request, ToWorker } from './messages.ts';
import { artifactsOf } from './model-files.ts';
import { letMessagesIn, serve } from './serve.ts';
import { startBackend } from './start-backend.ts';

/** Scales are reported as often. */
const BAND_EVERY = 10;

const send = (message: FromWorker, transfer: Transferable[] = []): void =>
  postMessage(message, { transfer });

let isPaused = false;
/** The page waits for the state after the next step. */
let isStateWanted = false;
let isPauseTold = false;
let requests: Request[] = [];
let wake: (() => void) | null = null;

function memory(): Memory {
  const { numTensors, numBytes } = tf.memory();
  const { wasm } = tf.backend() as unknown as { wasm?: { HEAPU8: Uint8Array } };
  return { tensors: numTensors, bytes: wasm?.HEAPU8.length ?? numBytes };
}

/** Sends progress, and hands its state over, which the page would take a while to copy. */
function report(progress: Progress): void {
  const { state } = progress;
  if (state === undefined) {
    send({ progress, memory: memory() });
    return;
  }
  isStateWanted = false;
  // Some backends keep the arrays that they read into.
  const copied = (tensors: typeof state.weights) =>
    tensors.map((tensor) => ({ ...tensor, values: tensor.values.slice() }));
  const [weights, optimizer] = [copied(state.weights), copied(state.optimizer)];
  send(
    { progress: { ...progress, state: { ...state, weights, optimizer } }, memory: memory() },
    [...weights, ...optimizer].map(({ values }) => values.buffer as ArrayBuffer),
  );
}

/** The newest request of each kind; a later prompt replaces an earlier one. */
function nextRequest(): Request | undefined {
  const folds = requests.filter((request) => 'fold' in request);
  const writes = requests.filter((request) => 'write' in request);
  const [next, ...rest] = [...folds, ...writes.slice(-1)];
  requests = rest;
  return next;
}

const isWriteWaiting = (): boolean => requests.some((request) => 'write' in request);

const message = (): Promise<void> =>
  new Promise((resolve) => {
    wake = resolve;
  });

async function run(job: Job): Promise<void> {
  const { settings, from, checkpointEvery, threads } = job;
  const { context } = settings.preset;
  isPaused = job.isPaused;
  send({ machine: await startBackend(settings.backend, threads) });
  const decoded = decodeText(job.text);
  if (!('text' in decoded)) throw new Mistake('the text is not UTF-8.');
  const corpus = makeCorpus(decoded.text);
  if (!settings.multipliers)
    send({ bands: await scaleBands(settings, corpus.vocabulary.length, BAND_EVERY) });
  const answer = async (model: LayersModel): Promise<void> => {
    for (let request = nextRequest(); request !== undefined; request = nextRequest())
      await serve(request, model, corpus, context, send, isWriteWaiting);
  };
  let deployed: LayersModel | null = null;
  const result = await train(settings, corpus, {
    from,
    checkpointEvery,
    host: {
      step: async (model, optimizer) => ({
        take: minimizer(model, optimizer),
        dispose: () => {},
      }),
      between: async (model) => {
        await letMessagesIn();
        await answer(model);
        while (isPaused && !isStateWanted) {
          if (!isPauseTold) send({ paused: true });
          isPauseTold = true;
          await message();
          await answer(model);
        }
      },
    },
    report,
    keep: async (folded) => {
      deployed = await loadLayersModel(tf.io.fromMemory(await artifactsOf(folded)));
    },
    isSaving: () => isStateWanted,
    isStopping: () => false,
  });
  if (result !== null) send({ result });
  for (;;) {
    await answer(deployed as unknown as LayersModel);
    await message();
  }
}

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if ('job' in data) {
    run(data.job).catch((error: unknown) => {
      const isExpected = error instanceof Mistake || error instanceof Failure;
      const { message: text = String(error) } = error as Error;
      send({ error: isExpected ? text : `training failed: ${text}` });
    });
    return;
  }
  if ('ping' in data) {
    send({ alive: true });
    return;
  }
  if ('pause' in data) {
    isPaused = data.pause;
    isStateWanted = data.pause;
    isPauseTold = false;
  } else requests.push(data);
  wake?.();
});
