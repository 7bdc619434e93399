/** Matrix products: tfjs gives each a batch, TensorFlow has a faster operation for those without one. */
import type { Addon, Attribute, Output } from './backend.ts';
import type { Graph, Reference } from './graph.ts';

interface Operand {
  readonly reference: Reference;
  readonly shape: readonly number[];
}

/**
 * Appends a product of two batches of one matrix each as a product of two matrices, and returns its reference. Null
 * for any other operation.
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
  const isOneMatrix = ({ shape }: Operand): boolean => shape.length === 3 && shape[0] === 1;
  if (!(a && b && isOneMatrix(a) && isOneMatrix(b))) return null;
  const type = { name: 'T', type: addon.TF_ATTR_TYPE, value: output.dtype };
  const shapeType = { name: 'Tshape', type: addon.TF_ATTR_TYPE, value: addon.TF_INT32 };

  function reshaped(reference: Reference, shape: readonly number[]): Reference {
    const to = graph.constant(addon.TF_INT32, [shape.length], Int32Array.from(shape));
    return `${graph.add('Reshape', [type, shapeType], [reference, to])}:0`;
  }

  const transposes = ['a', 'b'].map((side) => ({
    name: `transpose_${side}`,
    type: addon.TF_ATTR_BOOL,
    value:
      attributes.find(({ name }) => name === (side === 'a' ? 'adj_x' : 'adj_y'))?.value === true,
  }));
  const matrices = [a, b].map(({ reference, shape }) => reshaped(reference, shape.slice(1)));
  const product = graph.add('MatMul', [type, ...transposes], matrices);
  return reshaped(`${product}:0`, output.shape);
}
