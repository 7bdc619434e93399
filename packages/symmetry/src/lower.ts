import type { layers } from '@tensorflow/tfjs-layers';
import type { Builder } from './builder.ts';
import type { Wire } from './circuit.ts';
import { describedAs } from './describe-layer.ts';
import { lowerDescribed } from './described-layers.ts';
import { type Call, KNOWN_LAYERS } from './known-layers.ts';

/**
 * Turns a call of a layer into operations and returns the wire that it writes. A class that is neither described nor
 * known is opaque, and so is a subclass of one of tfjs' that kept its name, because it may compute something else.
 */
export function lower(layer: layers.Layer, inputs: readonly Wire[], to: Builder, call: Call): Wire {
  const before = to.operations.length;
  const className = layer.getClassName();
  const algebra = describedAs(layer);
  let y: Wire | null = null;
  if (algebra !== null) y = lowerDescribed(algebra, layer, inputs, to);
  else if (Object.hasOwn(KNOWN_LAYERS, className) && Object.hasOwn(layer.constructor, 'className'))
    y = (KNOWN_LAYERS[className] as (typeof KNOWN_LAYERS)[string])(
      layer as Parameters<(typeof KNOWN_LAYERS)[string]>[0],
      inputs,
      to,
      call,
    );
  if (y?.size === call.size) return y;
  to.operations.length = before;
  return to.opaque(inputs, call.size);
}
