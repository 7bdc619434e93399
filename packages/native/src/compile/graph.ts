/** The graph of a recording: nodes in the order in which they ran. */
import type { Addon, Attribute, Values } from './addon.ts';
import * as proto from './protobuf.ts';

/** An output of a node: `name:index`. */
export type Reference = string;

interface Node {
  readonly name: string;
  readonly inputs: readonly Reference[];
  readonly definition: proto.Bytes;
}

export interface Graph {
  /** Appends a node and returns its name. */
  add(op: string, attributes: readonly Attribute[], inputs: readonly Reference[]): string;
  /** Appends a node without inputs whose value comes from outside. */
  input(dtype: number): Reference;
  constant(dtype: number, shape: readonly number[], values: Values): Reference;
  /** The GraphDef of what the outputs depend on, and which of `inputs` are part of it. */
  finish(
    inputs: readonly Reference[],
    outputs: readonly Reference[],
  ): {
    definition: proto.Bytes;
    used: ReadonlySet<Reference>;
  };
}

/** The version of graphs that TensorFlow 2.16 writes; older and newer ones read it. */
const PRODUCER = 1645;

export function makeGraph(addon: Addon): Graph {
  const nodes: Node[] = [];

  function append(
    op: string,
    attributes: readonly (readonly [string, proto.Bytes])[],
    inputs: readonly Reference[],
  ): string {
    const name = `n${nodes.length}`;
    const definition = proto.concat([
      proto.bytes(1, name),
      proto.bytes(2, op),
      ...inputs.map((input) => proto.bytes(3, input)),
      ...attributes.map(([key, value]) => proto.entry(5, key, value)),
    ]);
    nodes.push({ name, inputs, definition });
    return name;
  }

  return {
    add: (op, attributes, inputs) =>
      append(
        op,
        attributes.map((attribute) => [attribute.name, encode(addon, attribute)] as const),
        inputs,
      ),

    input: (dtype) => `${append('Placeholder', [['dtype', proto.integer(6, dtype)]], [])}:0`,

    constant(dtype, shape, values) {
      const array = asArray(addon, dtype, values);
      const value = proto.bytes(8, proto.tensor(dtype, shape, array));
      const attributes = [
        ['dtype', proto.integer(6, dtype)],
        ['value', value],
      ] as const;
      return `${append('Const', attributes, [])}:0`;
    },

    finish(inputs, outputs) {
      const needed = new Set(outputs.map(nodeOf));
      // Inputs of a node come before it, so one pass from the end finds all that is needed.
      for (const { name, inputs: own } of [...nodes].reverse()) {
        if (needed.has(name)) for (const reference of own) needed.add(nodeOf(reference));
      }
      const kept = nodes.filter(({ name }) => needed.has(name));
      const used = new Set(inputs.filter((reference) => needed.has(nodeOf(reference))));
      const versions = proto.bytes(4, proto.integer(1, PRODUCER));
      const definitions = kept.map(({ definition }) => proto.bytes(1, definition));
      return { definition: proto.concat([...definitions, versions]), used };
    },
  };
}

const nodeOf = (reference: Reference): string => reference.slice(0, reference.lastIndexOf(':'));

function asArray(addon: Addon, dtype: number, values: Values): ArrayBufferView {
  if (ArrayBuffer.isView(values)) return values;
  if (dtype === addon.TF_FLOAT) return Float32Array.from(values as number[]);
  if (dtype === addon.TF_INT32) return Int32Array.from(values as number[]);
  if (dtype === addon.TF_BOOL) return Uint8Array.from(values as number[]);
  throw new Error('compile: a step cannot make tensors of strings. Try to make them outside.');
}

/** An AttrValue. */
function encode(addon: Addon, { name, type, value }: Attribute): proto.Bytes {
  const isList = Array.isArray(value) && type !== addon.TF_ATTR_SHAPE;
  const items = (isList ? value : [value]) as never[];
  const one = encoderOf(addon, type);
  if (one === null) throw new Error(`compile: the attribute ${name} has the unknown type ${type}.`);
  const encoded = proto.concat(items.map(one));
  return isList ? proto.bytes(1, encoded) : encoded;
}

// The fields of AttrValue and of its ListValue have the same numbers.
function encoderOf(addon: Addon, type: number): ((value: never) => proto.Bytes) | null {
  switch (type) {
    case addon.TF_ATTR_STRING:
      return (value: string) => proto.bytes(2, value);
    case addon.TF_ATTR_INT:
      return (value: number) => proto.integer(3, value);
    case addon.TF_ATTR_FLOAT:
      return (value: number) => proto.float(4, value);
    case addon.TF_ATTR_BOOL:
      return (value: boolean) => proto.integer(5, value);
    case addon.TF_ATTR_TYPE:
      return (value: number) => proto.integer(6, value);
    case addon.TF_ATTR_SHAPE:
      return (value: number[]) => proto.bytes(7, proto.shape(value));
    default:
      return null;
  }
}
