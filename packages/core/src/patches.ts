/** Methods of tfjs that are replaced for a while. */

/** A method of an object, or of a prototype, and what takes its place. */
export interface Patch {
  readonly object: object;
  readonly method: string;
  /** Makes the replacement of a former method; both have the same signature. */
  readonly by: (former: never) => (...args: never[]) => unknown;
}

/** Runs `body` with the methods replaced, and puts them back whatever happens. */
export function withPatches<T>(patches: readonly Patch[], body: () => T): T {
  const undo: (() => void)[] = [];
  try {
    for (const { object, method, by } of patches) {
      const own = Object.getOwnPropertyDescriptor(object, method);
      const value = by(Reflect.get(object, method) as never);
      Object.defineProperty(object, method, { value, configurable: true, writable: true });
      undo.push(() => {
        if (own === undefined) Reflect.deleteProperty(object, method);
        else Object.defineProperty(object, method, own);
      });
    }
    return body();
  } finally {
    for (const takeBack of undo.reverse()) takeBack();
  }
}
