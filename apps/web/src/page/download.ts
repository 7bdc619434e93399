import { strToU8, zipSync } from 'fflate';
import type { ModelFiles } from '../worker/messages.ts';

/** Hands bytes or a text to the browser as a file. */
export function download(name: string, parts: BlobPart[], type: string): void {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

const README = `A character-level language model that was trained in the browser, with its multipliers folded in.

graph/    for any page with TensorFlow.js and nothing else:
            const model = await tf.loadGraphModel('graph/model.json');
            const logits = model.predict(ids);  // ids: int32 [batch, context]; logits: [batch, context, characters]
          "userDefinedMetadata" in graph/model.json has the characters that ids stand for, and the context.
          Shorter texts: fill up at the end; each position looks back only.
layers/   the same as a layers model, to train on. Import @tfjs-lrm/layers first:
            const model = await tf.loadLayersModel('layers/model.json');
`;
const README_LAYERS = README.replace(/graph\/[\s\S]*?layers\/ {3}the same as/, 'layers/   ');

/** A model's files as one zip. */
export function zipOf({ layers, graph }: ModelFiles): Uint8Array<ArrayBuffer> {
  const folder = ({ json, weights }: ModelFiles['layers']) => ({
    'model.json': strToU8(json),
    // Weights hardly become smaller.
    'weights.bin': [new Uint8Array(weights), { level: 0 }] as [Uint8Array, { level: 0 }],
  });
  const files = {
    'README.txt': strToU8(graph === null ? README_LAYERS : README),
    layers: folder(layers),
    ...(graph && { graph: folder(graph) }),
  };
  return zipSync(files) as Uint8Array<ArrayBuffer>;
}
