/**
 * Formulas of training in one pass over memory, by the operations that the addon registers with TensorFlow
 * (binding/one-pass.h), as kernels of tfjs beside those of tfjs-node. The packages that need them look for them by name
 * (`runOnePass` in `@tfjs-lrm/core/kit`), and compute the formula by operations of tfjs where a kernel gives no output.
 */
import { getKernel, type KernelFunc, registerKernel, type TensorInfo } from '@tensorflow/tfjs-core';
import type { OnePass } from '@tfjs-lrm/core/kit';
import type { Addon, Attribute } from './compile/addon.ts';
import type { NodeBackend } from './compile/internals.ts';

type Numbers = Readonly<Record<string, number>>;
type Inputs = Readonly<Record<string, TensorInfo | readonly TensorInfo[] | undefined>>;

/** How a kernel of tfjs becomes an operation of the addon. */
interface Operation {
  /** Its inputs in order, with the attribute that counts those which come as a list or may be left out. */
  readonly inputs: readonly (string | readonly [name: string, count: string])[];
  /** The types of its other attributes, with the numbers that they are made of. */
  readonly attributes?: Readonly<
    Record<string, readonly ['INT' | 'FLOAT' | 'BOOL', (attrs: Numbers) => number]>
  >;
  /** How many outputs there are for so many tensors in each list. */
  outputs(counts: Numbers): number;
}

const one = (): number => 1;
const FACTORS = [
  ['u', 'U'],
  ['v', 'V'],
] as const;

const OPERATIONS: Readonly<Partial<Record<OnePass, Operation>>> = {
  LrmScale: { inputs: ['w', ...FACTORS], outputs: one },
  LrmScaleGradient: {
    inputs: ['dy', 'w', ...FACTORS],
    outputs: ({ U = 0, V = 0 }) => 1 + U + V,
  },
  LrmAdam: {
    inputs: [
      ...['step', 'epsilon'],
      ...(['value', 'gradient', 'm', 'v'] as const).map((name) => [name, 'N'] as const),
    ],
    attributes: {
      beta1: ['FLOAT', ({ beta1 = 0 }) => beta1],
      beta2: ['FLOAT', ({ beta2 = 0 }) => beta2],
      rest1: ['FLOAT', ({ beta1 = 0 }) => 1 - beta1],
      rest2: ['FLOAT', ({ beta2 = 0 }) => 1 - beta2],
    },
    outputs: ({ N = 0 }) => 3 * N,
  },
  LrmRmsNorm: {
    inputs: ['x', ['gain', 'G']],
    attributes: {
      groups: ['INT', ({ groups = 1 }) => groups],
      epsilon: ['FLOAT', ({ epsilon = 0 }) => epsilon],
    },
    outputs: () => 2,
  },
  LrmRmsNormGradient: {
    inputs: ['dy', 'x', 'scale', ['gain', 'G']],
    attributes: { groups: ['INT', ({ groups = 1 }) => groups] },
    outputs: ({ G = 0 }) => 1 + G,
  },
  LrmGatedSilu: { inputs: ['gate', 'sigmoid', 'up'], outputs: one },
  LrmGatedSiluGradient: { inputs: ['dy', 'gate', 'sigmoid', 'up'], outputs: () => 2 },
  LrmRotate: {
    inputs: ['x', 'cosine', 'sine'],
    attributes: {
      is_halves: ['BOOL', ({ isHalves = 0 }) => isHalves],
      sign: ['FLOAT', ({ sign = 1 }) => sign],
    },
    outputs: one,
  },
};

const listOf = (input: Inputs[string]): readonly TensorInfo[] =>
  input === undefined ? [] : Array.isArray(input) ? input : [input as TensorInfo];

function attributesOf(addon: Addon, { attributes = {} }: Operation, attrs: Numbers): Attribute[] {
  return Object.entries(attributes).map(([name, [type, numberOf]]) => {
    const value = numberOf(attrs);
    return { name, type: addon[`TF_ATTR_${type}`], value: type === 'BOOL' ? value !== 0 : value };
  });
}

function run(
  backend: NodeBackend,
  name: string,
  operation: Operation,
  lists: Inputs,
  attrs: Numbers,
): TensorInfo[] {
  const { binding: addon } = backend;
  const counts = Object.fromEntries(
    operation.inputs.flatMap((input) =>
      typeof input === 'string' ? [] : [[input[1], listOf(lists[input[0]]).length]],
    ),
  );
  const attributes = [
    ...attributesOf(addon, operation, attrs),
    ...Object.entries(counts).map(([key, value]) => ({
      ...{ name: key, type: addon.TF_ATTR_INT, value },
    })),
  ];
  const tensors = operation.inputs.flatMap((input) =>
    listOf(lists[typeof input === 'string' ? input : input[0]]),
  );
  const ids = backend.getInputTensorIds(tensors);
  return addon
    .executeOp(name, attributes, ids, operation.outputs(counts))
    .map((output) => backend.createOutputTensor(output));
}

function kernelOf(name: string, operation: Operation): KernelFunc {
  return ({ inputs, backend: anyBackend, attrs }) => {
    const backend = anyBackend as NodeBackend;
    const given = inputs as unknown as Inputs;
    const isFloat = Object.values(given)
      .flatMap(listOf)
      .every(({ dtype }) => dtype === 'float32');
    if (!isFloat || backend.binding.composes === true) return [];
    return run(backend, name, operation, given, attrs as unknown as Numbers);
  };
}

/**
 * Registers the kernels whose operations the addon has: none for an addon of an older version, and none where tensors
 * are on a GPU, because the operations are for the CPU.
 */
export function registerOnePass(
  addon: Pick<Addon, 'definition'>,
  devices: readonly { readonly type: string }[],
): void {
  if (typeof addon.definition !== 'function' || devices.some(({ type }) => type === 'GPU')) return;
  for (const [kernelName, operation] of Object.entries(OPERATIONS)) {
    const backendName = 'tensorflow';
    // A second copy of this package finds those of the first.
    if (getKernel(kernelName, backendName) !== undefined) continue;
    if (addon.definition(kernelName) === undefined) continue;
    registerKernel({ kernelName, backendName, kernelFunc: kernelOf(kernelName, operation) });
  }
}
