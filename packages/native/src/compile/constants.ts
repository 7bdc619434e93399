/** The values that a step makes in JavaScript: they must be the same in every call to be recorded. */
import { createHash } from 'node:crypto';
import type { Values } from './addon.ts';

export interface Constants {
  /** Remembers the values that a call has made. */
  add(shape: readonly number[], dtype: number, values: Values): void;
  has(shape: readonly number[], dtype: number, values: Values): boolean;
}

export function makeConstants(): Constants {
  const keys = new Set<string>();
  return {
    add: (...constant) => void keys.add(keyOf(...constant)),
    has: (...constant) => keys.has(keyOf(...constant)),
  };
}

function keyOf(shape: readonly number[], dtype: number, values: Values): string {
  const size = values.length;
  const content =
    size <= 4 || !ArrayBuffer.isView(values)
      ? Array.from(values as ArrayLike<unknown>, (v) =>
          Object.is(v, -0) ? '-0' : String(v),
        ).join()
      : createHash('sha256')
          .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
          .digest('base64');
  return `${dtype}[${shape}]${content}`;
}
