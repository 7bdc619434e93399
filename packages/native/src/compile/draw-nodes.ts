/** The nodes of a graph that draw random numbers, different ones in each call. */
import type { Addon, Attribute, Values } from './addon.ts';
import type { Draw } from './random.ts';

/** Runs and records operations; tensors are the addon's numbers of them. */
export interface Nodes {
  run(operation: string, attributes: readonly Attribute[], inputs: number[]): number;
  constant(shape: number[], dtype: number, values: Values): number;
}

/**
 * A tensor of random numbers.
 *
 * @param stream 32 bits that tell draws of one step apart
 * @param call the number of the call, a scalar
 */
export function drawNodes(
  addon: Addon,
  nodes: Nodes,
  draw: Draw,
  { shape, dtype, stream, call }: { shape: number[]; dtype: number; stream: number; call: number },
): number {
  const { TF_FLOAT, TF_INT32, TF_ATTR_TYPE, TF_ATTR_INT, TF_ATTR_BOOL } = addon;
  const type = (name: string, value: number) => ({ name, type: TF_ATTR_TYPE, value });
  const whole = (name: string, value: number) => ({ name, type: TF_ATTR_INT, value });
  const number = (value: number): number => nodes.constant([], TF_FLOAT, Float32Array.of(value));

  const packed = [type('T', TF_INT32), whole('axis', 0), whole('N', 2)];
  const seed = nodes.constant([], TF_INT32, Int32Array.of(stream | 0));
  const key = nodes.run('Pack', packed, [seed, call]);
  const size = nodes.constant([shape.length], TF_INT32, Int32Array.from(shape));
  const types = [type('dtype', TF_FLOAT), type('T', TF_INT32), type('Tseed', TF_INT32)];
  const float = [type('T', TF_FLOAT)];
  let drawn = nodes.run(draw.op, types, [size, key]);
  if (draw.scale !== 1) drawn = nodes.run('Mul', float, [drawn, number(draw.scale)]);
  if (draw.shift !== 0) drawn = nodes.run('AddV2', float, [drawn, number(draw.shift)]);
  if (draw.rounds) drawn = nodes.run('Round', float, [drawn]);
  if (dtype === TF_FLOAT) return drawn;
  const truncate = { name: 'Truncate', type: TF_ATTR_BOOL, value: false };
  return nodes.run('Cast', [type('SrcT', TF_FLOAT), type('DstT', dtype), truncate], [drawn]);
}
