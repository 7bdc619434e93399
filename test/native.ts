/** Projects with a tfjs-node of their own, for tests that link, unlink and break it. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const original = dirname(
  createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'),
);

export interface Project {
  readonly folder: string;
  /** Its tfjs-node, which is not linked. */
  readonly tfjsNode: string;
  readonly binding: string;
  remove(): void;
}

/** A project with a copy of tfjs-node, without an addon, in a folder with a space, a comma and a quote. */
export function copyOfTfjsNode(): Project {
  const folder = mkdtempSync(join(tmpdir(), "it's a project, "));
  const modules = join(folder, 'node_modules');
  const link = (scope: string, except: readonly string[]): void => {
    mkdirSync(join(modules, scope), { recursive: true });
    for (const name of readdirSync(join(root, 'node_modules', scope)))
      if (!except.includes(name))
        symlinkSync(join(root, 'node_modules', scope, name), join(modules, scope, name));
  };
  link('', ['@tensorflow']);
  link('@tensorflow', ['tfjs-node']);
  const tfjsNode = join(modules, '@tensorflow', 'tfjs-node');
  cpSync(original, tfjsNode, { recursive: true, filter: (path) => path !== join(original, 'lib') });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const binding = join(tfjsNode, 'lib', 'napi-v8', 'tfjs_binding.node');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return { folder, tfjsNode, binding, remove };
}

/** Gives the project an addon that works and that the link has not made, as tfjs-node's own installation does. */
export function giveForeignAddon({ binding }: Project): Buffer {
  const bytes = readFileSync(join(original, 'lib', 'napi-v8', 'tfjs_binding.node'));
  bytes.write('somebody-else:', bytes.indexOf('tfjs-lrm-link:'));
  mkdirSync(dirname(binding), { recursive: true });
  writeFileSync(binding, bytes);
  return bytes;
}
