/** Methods that are replaced for as long as a step is being watched. */

export interface Patch {
  readonly object: object;
  readonly method: string;
  /** Makes the replacement; both have the signature of what is there. */
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
