/** Where the weight files of a model.json are. */
import { show } from '@tfjs-lrm/core/kit';
import type { LoadModelOptions } from './options.ts';

type Addresses = (name: string) => Promise<string>;

/**
 * The address of each file that the model.json at an address names: what `weightUrlConverter` returns; or the name after
 * `weightPathPrefix` or the folder of model.json, with the query of its address. tfjs takes a slash in that query for
 * one of the path.
 */
export function weightAddresses(
  address: string,
  { weightUrlConverter, weightPathPrefix }: LoadModelOptions,
): Addresses {
  if (weightUrlConverter !== undefined) return converted(weightUrlConverter);
  const [, path = '', query = ''] = /^([^?#]*)(\?[^#]*)?/s.exec(address) ?? [];
  const prefix = weightPathPrefix ?? path.replace(/[^/]*$/, '');
  return async (name) => `${prefix}${name}${query}`;
}

/** The addresses that a function of the user gives. */
export function converted(converter: Addresses): Addresses {
  return async (name) => {
    const address: unknown = await converter(name);
    if (typeof address === 'string') return address;
    throw new TypeError(
      `loadModel: "weightUrlConverter" must return an address. Received ${show(address)} for ${show(name)}. Try (name) => \`https://host/\${name}\`.`,
    );
  };
}
