/** The installed tfjs-node, and what its addon is linked with. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** An installed `@tensorflow/tfjs-node` or `@tensorflow/tfjs-node-gpu`. */
export interface TfjsNode {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** The addon that it loads; it need not exist. */
  readonly binding: string;
}

/** What the link wrote into the addon. */
export interface Link {
  /** A hash of everything that the addon was made of. */
  readonly key: string;
  readonly tensorflow: string;
  /** The folder that the addon loads TensorFlow from. */
  readonly libraries: string;
}

/** tfjs-node and tfjs-node-gpu, as code in one of these folders would find them. */
export function installedTfjsNode(folders: readonly string[]): TfjsNode[] {
  return PACKAGES.flatMap((name) => {
    for (const from of folders) {
      try {
        const manifest = createRequire(join(from, 'none.js')).resolve(`${name}/package.json`);
        const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
        const folder = dirname(manifest);
        // Node-API 8 is the newest that tfjs-node names, and every Node since 12.22 has it.
        const binding = join(folder, 'lib', 'napi-v8', 'tfjs_binding.node');
        return [{ name, version, folder, binding }];
      } catch {
        // Not there: the next folder may have it.
      }
    }
    return [];
  });
}

const MARK = 'tfjs-lrm-link:';

/** What the addon in a file was linked with; null when this package did not make it, or it is not there. */
export function readLink(binding: string): Link | null {
  if (!existsSync(binding)) return null;
  const bytes = readFileSync(binding);
  const begin = bytes.indexOf(MARK);
  if (begin < 0) return null;
  const end = bytes.indexOf(0, begin);
  try {
    return JSON.parse(bytes.toString('utf8', begin + MARK.length, end)) as Link;
  } catch {
    return null;
  }
}
