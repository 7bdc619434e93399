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

/** A buffer in two parts, the first of which is not shorter. */
function halves(buffer: ArrayBuffer): ArrayBuffer[] {
  const middle = Math.ceil(buffer.byteLength / 2);
  return [buffer.slice(0, middle), buffer.slice(middle)];
}

/** The chunks of a stream. */
export async function chunksOf(stream: ReadableStream<unknown>): Promise<ArrayBuffer[]> {
  const chunks: ArrayBuffer[] = [];
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    chunks.push(bufferOf(value));
  }
}

/**
 * The parts of saved weights as buffers that contain nothing else. tfjs reads zeros after an empty part, and from a
 * last part that is longer than the ones before it, if those have equal lengths. So there is never an empty one, and a
 * long last one comes in halves: either they differ from the ones before, or the last is not longer.
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
  return [...buffers.slice(0, -1), ...halves(last)];
}
