/** Matrix products: tfjs runs each as one of batches, TensorFlow has a faster operation for those without one. */
import type { Addon, Attribute, Output } from './addon.ts';
import type { Graph, Reference } from './graph.ts';

interface Operand {
  readonly reference: Reference;
  readonly shape: readonly number[];
}

/** A matrix, or a batch of one. */
const isMatrix = ({ shape }: Operand): boolean =>
  shape.length === 2 || (shape.length === 3 && shape[0] === 1);

/**
 * Appends a product of batches that is one of two matrices as such, and returns its reference. Null for any other
 * operation.
 */
export function addProduct(
  addon: Addon,
  graph: Graph,
  op: string,
  attributes: readonly Attribute[],
  operands: readonly (Operand | null)[],
  output: Output,
): Reference | null {
  if (op !== 'BatchMatMulV2') return null;
  const [a, b] = operands;
  if (!(a && b && isMatrix(a) && isMatrix(b))) return null;
  const type = { name: 'T', type: addon.TF_ATTR_TYPE, value: output.dtype };
  const shapeType = { name: 'Tshape', type: addon.TF_ATTR_TYPE, value: addon.TF_INT32 };

  function reshaped({ reference, shape: from }: Operand, shape: readonly number[]): Reference {
    if (from.length === shape.length) return reference;
    const to = graph.constant(addon.TF_INT32, [shape.length], Int32Array.from(shape));
    return `${graph.add('Reshape', [type, shapeType], [reference, to])}:0`;
  }

  const transposes = ['a', 'b'].map((side) => ({
    name: `transpose_${side}`,
    type: addon.TF_ATTR_BOOL,
    value:
      attributes.find(({ name }) => name === (side === 'a' ? 'adj_x' : 'adj_y'))?.value === true,
  }));
  const matrices = [a, b].map((operand) => reshaped(operand, operand.shape.slice(-2)));
  const product = graph.add('MatMul', [type, ...transposes], matrices);
  return reshaped({ reference: `${product}:0`, shape: output.shape.slice(-2) }, output.shape);
}
