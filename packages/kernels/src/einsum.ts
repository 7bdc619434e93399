import {
  BatchMatMul,
  backend_util,
  type EinsumAttrs,
  getKernel,
  type KernelFunc,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  Sum,
  type TensorInfo,
  Transpose,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { isOneOf, parseEquation, permutation } from './einsum-equation.ts';

/** A method of every tfjs backend: it counts the tensors that share data. */
interface CountingBackend {
  incRef(dataId: TensorInfo['dataId']): void;
  disposeData(dataId: TensorInfo['dataId']): boolean;
}

/** A tensor with a letter for each axis. */
interface Labelled {
  readonly tensor: TensorInfo;
  readonly letters: readonly string[];
}

/**
 * The `Einsum` kernel, for wasm and in place of the one of cpu, webgl and webgpu, which confuse equations whose
 * operands do not share all summed letters with others: `ij,jk->ik` and the like, of one or two float32 operands.
 *
 * Letters that only one operand has and the result lacks are summed at once. The rest is, up to the order of the axes,
 * a batch of products of matrices: the letters that both operands and the result have are the batch, those that only
 * the operands share are summed, and the others are the rows and the columns.
 *
 * @throws Error if tfjs does not allow the equation or the shapes do not fit it
 * @throws RangeError if an operand does not have exactly one axis for each of its letters
 * @throws TypeError if an operand is not float32
 */
export const einsum =
  (backendName: string): KernelFunc =>
  ({ inputs, backend: anyBackend, attrs }) => {
    const backend = anyBackend as CountingBackend;
    const { equation } = attributes<EinsumAttrs>(attrs);
    const tensors = Object.values(inputs) as TensorInfo[];
    const { allDims, idDims } = backend_util.decodeEinsumEquation(equation, tensors.length);
    backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as never);
    const { operands, result } = parseEquation(equation);
    for (const [i, { dtype, shape }] of tensors.entries()) {
      if (dtype !== 'float32') {
        throw new TypeError(
          `kernels/einsum: operands must be float32. Received ${dtype}. Try tf.cast(operand, 'float32').`,
        );
      }
      if (shape.length !== operands[i]!.length) {
        throw new RangeError(
          `kernels/einsum: each operand must have one axis for each of its letters. Received an operand of shape [${shape}] for "${operands[i]!.join('')}". Try the equation for rank ${shape.length}.`,
        );
      }
    }

    const made: TensorInfo[] = [];
    const run = (name: string, kernelInputs: NamedTensorInfoMap, kernelAttrs: NamedAttrMap) => {
      const { kernelFunc } = getKernel(name, backendName);
      const output = kernelFunc({
        inputs: kernelInputs,
        backend,
        attrs: kernelAttrs,
      }) as TensorInfo;
      made.push(output);
      return output;
    };
    const sumOut = (
      { tensor, letters }: Labelled,
      isKept: (letter: string) => boolean,
    ): Labelled => {
      const axis = [...letters.keys()].filter((i) => !isKept(letters[i]!));
      if (axis.length === 0) return { tensor, letters };
      return {
        tensor: run(Sum, { x: tensor }, { axis, keepDims: false }),
        letters: letters.filter(isKept),
      };
    };
    const inOrder = ({ tensor, letters }: Labelled, order: readonly string[]): TensorInfo => {
      const perm = permutation(letters, order);
      if (perm.every((axis, i) => axis === i)) return tensor;
      return run(Transpose, { x: tensor }, { perm });
    };

    try {
      const [first, second] = tensors.map((tensor, i): Labelled => {
        const others = operands[1 - i] ?? [];
        return sumOut({ tensor, letters: operands[i]! }, isOneOf(result, others));
      });
      const out = inOrder(second ? product(first!, second, result, inOrder, run) : first!, result);
      // The result may share the operand's data, but must never be its tensor: a gradient tape would take the two for
      // one, and count its gradient twice.
      const { dataId, shape, dtype } = out;
      backend.incRef(dataId);
      return { dataId, shape, dtype };
    } finally {
      for (const { dataId } of made) backend.disposeData(dataId);
    }
  };

function product(
  a: Labelled,
  b: Labelled,
  result: readonly string[],
  inOrder: (labelled: Labelled, order: readonly string[]) => TensorInfo,
  run: (name: string, inputs: NamedTensorInfoMap, attrs: NamedAttrMap) => TensorInfo,
): Labelled {
  const sizes = new Map<string, number>();
  for (const { tensor, letters } of [a, b]) {
    for (const [axis, letter] of letters.entries()) sizes.set(letter, tensor.shape[axis]!);
  }
  const size = (letters: readonly string[]): number =>
    util.sizeFromShape(letters.map((letter) => sizes.get(letter)!));

  const inA = isOneOf(a.letters);
  const inB = isOneOf(b.letters);
  // In the order of the result or the operands, so that as little as possible is transposed.
  const batch = result.filter((letter) => inA(letter) && inB(letter));
  const rows = result.filter((letter) => !inB(letter));
  const columns = result.filter((letter) => !inA(letter));
  const inner = a.letters.filter((letter) => inB(letter) && !isOneOf(result)(letter));
  // As matrices of the transposed operand where the operand is stored that way.
  const matrixOf = (operand: Labelled, outer: string[], isLeft: boolean) => {
    const plain = isLeft ? [...batch, ...outer, ...inner] : [...batch, ...inner, ...outer];
    const turned = isLeft ? [...batch, ...inner, ...outer] : [...batch, ...outer, ...inner];
    const isStoredAs = (order: string[]): boolean =>
      order.every((letter, i) => operand.letters[i] === letter);
    const isTurned = isStoredAs(turned) && !isStoredAs(plain);
    const tensor = isTurned ? operand.tensor : inOrder(operand, plain);
    const isInnerFirst = isLeft === isTurned;
    const sides = isInnerFirst ? [size(inner), size(outer)] : [size(outer), size(inner)];
    return { tensor: { ...tensor, shape: [size(batch), ...sides] }, isTurned };
  };
  const left = matrixOf(a, rows, true);
  const right = matrixOf(b, columns, false);
  const matrices = run(
    BatchMatMul,
    { a: left.tensor, b: right.tensor },
    { transposeA: left.isTurned, transposeB: right.isTurned },
  );
  const letters = [...batch, ...rows, ...columns];
  return {
    tensor: { ...matrices, shape: letters.map((letter) => sizes.get(letter)!) },
    letters,
  };
}
