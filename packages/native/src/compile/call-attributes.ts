/** How TensorFlow is to run a function, as attributes of the call. */
import type { Addon, Attribute } from './addon.ts';
import type { CompileOptions } from './options.ts';

/**
 * A ConfigProto in which `graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16` is on. tfjs-node hands
 * strings over as UTF-8, in which the tag of that field, C8 01, is not valid; written with a third byte, C8 81 00, it is,
 * and readers of protobuf take it for the same number.
 */
const MIXED_PRECISION = '\x52\x06\x52\x04\u0201\x00\x01';

export function callAttributes(
  addon: Addon,
  { xla = false, precision = 'float32' }: CompileOptions,
): Attribute[] {
  return [
    ...(xla ? [{ name: '_XlaMustCompile', type: addon.TF_ATTR_BOOL, value: true }] : []),
    ...(precision === 'mixed'
      ? [{ name: 'config_proto', type: addon.TF_ATTR_STRING, value: MIXED_PRECISION }]
      : []),
  ];
}
