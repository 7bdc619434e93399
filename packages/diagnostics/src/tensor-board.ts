import * as tf from '@tensorflow/tfjs-core';
import { show } from '@tfjs-lrm/core/kit';
import { checkLog, type Logger } from './logger.ts';

/** What tf.node.summaryFileWriter calls: private in tfjs-node, and the same without a second import of it. */
interface SummaryBackend {
  summaryWriter(folder: string): tf.Tensor;
  createSummaryFileWriter(writer: tf.Tensor, folder: string): void;
  writeScalarSummary(writer: tf.Tensor, step: number, name: string, value: number): void;
  flushSummaryWriter(writer: tf.Tensor): void;
}

const METHODS = [
  'summaryWriter',
  'createSummaryFileWriter',
  'writeScalarSummary',
  'flushSummaryWriter',
] as const;

function summaryBackend(): SummaryBackend {
  const backend = (tf.getBackend() === 'tensorflow' ? tf.backend() : {}) as Partial<SummaryBackend>;
  if (METHODS.every((method) => typeof backend[method] === 'function')) {
    return backend as SummaryBackend;
  }
  throw new Error(
    `toTensorBoard: TensorFlow writes the files, on the backend "tensorflow" of tfjs-node. Received "${tf.getBackend()}". Try await tf.setBackend('tensorflow') after importing @tfjs-lrm/native, or toNdjson on any backend.`,
  );
}

/**
 * Logs in the files that TensorBoard reads, through tfjs-node's own summary writer: `tensorboard --logdir folder`.
 *
 * @param folder made where it does not exist; each process writes a file of its own, and runs need folders of their own
 * @throws TypeError for something that is not a path; Error on another backend than tensorflow. At a log, RangeError for
 *   a step that is not a whole number, TypeError for something that is not a number, Error after `close()`
 */
export function toTensorBoard(folder: string): Logger {
  if (typeof folder !== 'string' || folder === '') {
    throw new TypeError(
      `toTensorBoard: it takes the path of a folder. Received ${show(folder)}. Try toTensorBoard('runs/first').`,
    );
  }
  const backend = summaryBackend();
  const writer = tf.tidy(() => {
    const resource = tf.keep(backend.summaryWriter(folder));
    backend.createSummaryFileWriter(resource, folder);
    return resource;
  });
  const flush = (): void => {
    if (!writer.isDisposed) backend.flushSummaryWriter(writer);
  };
  return {
    log(step, numbers) {
      checkLog('toTensorBoard', step, numbers);
      if (writer.isDisposed)
        throw new Error('toTensorBoard.log: the logger was closed. Make a new one.');
      for (const [name, value] of Object.entries(numbers)) {
        backend.writeScalarSummary(writer, step, name, value);
      }
    },
    flush,
    close() {
      flush();
      writer.dispose();
    },
  };
}
