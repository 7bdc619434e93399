/** `@tfjs-lrm/native/linked`: whether tfjs-node is linked, without loading it. */
import { existsSync } from 'node:fs';
import { installedTfjsNode, readLink } from './tfjs-node.ts';

/**
 * Whether `import '@tfjs-lrm/native'` will find a tfjs-node that is linked to a TensorFlow. It reads two files
 * and loads neither.
 *
 * @example
 * import { isLinked } from '@tfjs-lrm/native/linked';
 *
 * const backend = isLinked() ? 'tensorflow' : 'wasm';
 */
export function isLinked(): boolean {
  return installedTfjsNode([import.meta.dirname, process.cwd()]).some(({ binding }) => {
    const link = readLink(binding);
    return link !== null && existsSync(link.libraries);
  });
}
