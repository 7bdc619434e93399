/** The current place in a step: the layer, the kernel, the operation. */
import type * as layers from '@tensorflow/tfjs-layers';
import type { Patch } from '@tfjs-lrm/core/kit';
import { engine, SCOPE_SUFFIX, tfjsLayers } from './internals.ts';

export interface Place {
  readonly patches: readonly Patch[];
  /** The running kernel; null between kernels. */
  kernel(): string | null;
  /** The running tfjs operation, such as randomNormal; null outside operations. */
  operation(): string | null;
  /** Whether an operation of this name is running. */
  isInside(operation: string): boolean;
  /** For a message: `kernel MatMul, layer "dense_1" (Dense)`. */
  describe(): string;
}

function stacked<T>(stack: T[], item: T, body: () => unknown): unknown {
  stack.push(item);
  try {
    return body();
  } finally {
    stack.pop();
  }
}

export function watchPlace(): Place {
  const kernels: string[] = [];
  const running: layers.layers.Layer[] = [];
  const prototype = tfjsLayers()?.layers.Layer.prototype;
  const operation = (): string | null => {
    const name = engine().state.activeScope?.name;
    return name?.endsWith(SCOPE_SUFFIX) ? name.slice(0, -SCOPE_SUFFIX.length) : null;
  };
  const patches: Patch[] = [
    {
      object: engine(),
      method: 'runKernel',
      by: (former: (...args: unknown[]) => unknown) =>
        function (this: unknown, ...args: unknown[]) {
          return stacked(kernels, args[0] as string, () => former.apply(this, args));
        },
    },
  ];
  if (prototype !== undefined) {
    patches.push({
      object: prototype,
      method: 'apply',
      by: (former: (...args: unknown[]) => unknown) =>
        function (this: layers.layers.Layer, ...args: unknown[]) {
          return stacked(running, this, () => former.apply(this, args));
        },
    });
  }
  return {
    patches,
    kernel: () => kernels.at(-1) ?? null,
    operation,
    isInside: (name) =>
      engine().state.scopeStack.some((scope) => scope.name === name + SCOPE_SUFFIX),
    describe() {
      const layer = running.at(-1);
      const parts = [
        kernels.length > 0 ? `kernel ${kernels.at(-1)}` : '',
        operation() === null ? '' : `operation ${operation()}`,
        layer === undefined ? '' : `layer "${layer.name}" (${layer.getClassName()})`,
      ].filter(Boolean);
      return parts.length === 0 ? 'the step itself' : parts.join(', ');
    },
  };
}
