/** The bytes of saved weights, in parts that tfjs reads correctly. */
import { preview } from './load-error.ts';

function bufferOf(part: unknown): ArrayBuffer {
  // tfjs reads the whole buffer behind a view.
  const bytes = ArrayBuffer.isView(part)
    ? part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength)
    : part;
  const { byteLength } = (bytes ?? {}) as { byteLength?: unknown };
  if (typeof byteLength === 'number') return bytes as ArrayBuffer;
  throw new TypeError(
    `loadModel: weightData must be an ArrayBuffer, or a list of them. Received ${preview(part)}. Try new Uint8Array(bytes).buffer.`,
  );
}

/** A buffer in pieces of at most this many bytes. */
function inPieces(buffer: ArrayBuffer, size: number): ArrayBuffer[] {
  const count = Math.ceil(buffer.byteLength / size);
  return Array.from({ length: count }, (_, i) => buffer.slice(i * size, (i + 1) * size));
}

/**
 * The parts of saved weights as buffers that contain nothing else. tfjs reads zeros after an empty part, and from a
 * last part that is longer than the ones before it, if those have equal lengths. So there is never an empty one, and a
 * long last one comes in pieces.
 *
 * @param data a buffer, a view of one, or a list of these
 * @throws TypeError for anything else
 */
export function buffersOf(data: unknown): ArrayBuffer[] {
  const buffers = [data]
    .flat()
    .map(bufferOf)
    .filter(({ byteLength }) => byteLength > 0);
  const [first, last] = [buffers[0], buffers.at(-1)];
  if (first === undefined || last === undefined || last.byteLength <= first.byteLength) {
    return buffers;
  }
  return [...buffers.slice(0, -1), ...inPieces(last, first.byteLength)];
}
