/**
 * Attributes that TensorFlow infers. Run by itself, an operation takes the types of its inputs, whatever attributes
 * say, and tfjs-node relies on it: `tf.expandDims` gives none, `tf.mean` of bools a wrong one. A graph must name them.
 */
import type { Addon, Attribute } from './addon.ts';
import { type Field, fields, text } from './protobuf.ts';

/**
 * For each input of an operation the attribute that is its type, null where the type is fixed. It ends before the
 * first list of inputs, as TensorFlow's own inference does.
 */
type InputTypes = readonly (string | null)[];

// The numbers of the fields in tensorflow/core/framework/op_def.proto.
const [INPUT_ARGUMENT, TYPE_ATTRIBUTE, NUMBER_ATTRIBUTE, TYPE_LIST_ATTRIBUTE] = [2, 4, 5, 6];

function inputTypes(definition: Uint8Array | undefined): InputTypes {
  if (definition === undefined) return [];
  const inputs = fields(definition)
    .filter(({ number }) => number === INPUT_ARGUMENT)
    .map(({ bytes }) => fields(bytes));
  const nameIn = (input: readonly Field[], number: number): string | null => {
    const field = input.find((each) => each.number === number);
    return field === undefined ? null : text(field);
  };
  const isList = (input: readonly Field[]): boolean =>
    nameIn(input, NUMBER_ATTRIBUTE) !== null || nameIn(input, TYPE_LIST_ATTRIBUTE) !== null;
  const list = inputs.findIndex(isList);
  return inputs
    .slice(0, list < 0 ? inputs.length : list)
    .map((input) => nameIn(input, TYPE_ATTRIBUTE));
}

const known = new Map<string, InputTypes>();

/** The attributes with which TensorFlow runs an operation on inputs of these types. */
export function inferAttributes(
  addon: Addon,
  operation: string,
  attributes: readonly Attribute[],
  types: readonly number[],
): readonly Attribute[] {
  let names = known.get(operation);
  if (names === undefined) {
    names = inputTypes(addon.definition(operation));
    known.set(operation, names);
  }
  const inferred = new Map<string, number>();
  names.forEach((name, i) => {
    const type = types[i];
    // The first input of a type decides.
    if (name !== null && type !== undefined && !inferred.has(name)) inferred.set(name, type);
  });
  return [
    ...attributes.filter(({ name }) => !inferred.has(name)),
    ...[...inferred].map(([name, value]) => ({ name, type: addon.TF_ATTR_TYPE, value })),
  ];
}
