/** Loads tfjs-node, and tells what it runs on. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import type { Addon } from './compile/addon.ts';
import { keepShapes } from './moved-tensors.ts';
import { addNodeFunctions } from './node-functions.ts';
import { registerOnePass } from './one-pass.ts';
import { installedTfjsNode, readLink, type TfjsNode } from './tfjs-node.ts';

/** What tfjs-node runs on. */
export interface NativeInfo {
  /** `@tensorflow/tfjs-node` or `@tensorflow/tfjs-node-gpu`. */
  readonly package: string;
  /** Its version. */
  readonly version: string;
  /** The version of TensorFlow that runs the operations. */
  readonly tensorflow: string;
  /** The folder that TensorFlow was loaded from. */
  readonly libraries: string;
  /** The devices that TensorFlow found. */
  readonly devices: readonly { readonly name: string; readonly type: string }[];
}

/** The addon, as far as this package uses it. */
export interface Binding extends Pick<Addon, 'definition'> {
  readonly TF_Version: string;
  devices(): { name: string; type: string }[];
}

const COMMAND = 'npx @tfjs-lrm/native link';

function findLinked(): { tfjsNode: TfjsNode; libraries: string } {
  const installed = installedTfjsNode([import.meta.dirname, process.cwd()]);
  if (installed.length === 0) {
    throw new Error(
      'native: neither @tensorflow/tfjs-node nor @tensorflow/tfjs-node-gpu is installed. ' +
        `Try: npm install --ignore-scripts @tensorflow/tfjs-node && ${COMMAND}`,
    );
  }
  for (const tfjsNode of installed) {
    const link = readLink(tfjsNode.binding);
    if (link === null) continue;
    if (existsSync(link.libraries)) return { tfjsNode, libraries: link.libraries };
    throw new Error(
      `native: ${tfjsNode.name} is linked to ${link.libraries}, which no longer exists. Try: ${COMMAND}`,
    );
  }
  throw new Error(
    `native: ${installed.map(({ name }) => name).join(' and ')} must be linked to a TensorFlow first. ` +
      `Try: ${COMMAND}`,
  );
}

function load(): { info: NativeInfo; binding: Binding } {
  const { tfjsNode, libraries } = findLinked();
  addNodeFunctions(util as unknown as Record<string, unknown>);
  // TensorFlow reads them when it is loaded. 2 leaves errors.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  const nvcc = join(libraries, '..', 'nvidia', 'cuda_nvcc');
  if (existsSync(nvcc)) process.env['XLA_FLAGS'] ??= `--xla_gpu_cuda_data_dir=${nvcc}`;
  const tf = createRequire(import.meta.url)(tfjsNode.folder) as {
    backend(): { binding: Binding };
    findBackend(name: string): Parameters<typeof keepShapes>[0] & { binding: Binding };
  };
  const backend = tf.findBackend('tensorflow');
  keepShapes(backend);
  const { binding } = backend;
  return {
    binding,
    info: {
      package: tfjsNode.name,
      version: tfjsNode.version,
      tensorflow: binding.TF_Version,
      libraries,
      devices: binding.devices(),
    },
  };
}

const loaded = load();
registerOnePass(loaded.binding, loaded.info.devices);

/** The addon that the current process runs on. */
export const binding: Binding = loaded.binding;

/**
 * Which TensorFlow runs the operations, and on which devices.
 *
 * @example
 * info().tensorflow; // '2.21.0'
 * info().devices.map(({ type }) => type); // ['CPU']
 */
export function info(): NativeInfo {
  return loaded.info;
}
