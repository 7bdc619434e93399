/** Temporary replacements for methods of tfjs. */

/** A method of an object or a prototype, and its replacement. */
export interface Patch {
  readonly object: object;
  readonly method: string;
  /** Returns the replacement, given the original method; both have the same signature. */
  readonly by: (former: never) => (...args: never[]) => unknown;
}

/** Runs `body` with the methods replaced, and restores them even if it throws. */
export function withPatches<T>(patches: readonly Patch[], body: () => T): T {
  const undo: (() => void)[] = [];
  try {
    for (const { object, method, by } of patches) {
      const descriptor = Object.getOwnPropertyDescriptor(object, method);
      const value = by(Reflect.get(object, method) as never);
      Object.defineProperty(object, method, { value, configurable: true, writable: true });
      undo.push(() => {
        if (descriptor === undefined) Reflect.deleteProperty(object, method);
        else Object.defineProperty(object, method, descriptor);
      });
    }
    return body();
  } finally {
    for (const takeBack of undo.reverse()) takeBack();
  }
}
