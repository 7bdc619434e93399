/** Links tfjs-node with a TensorFlow, and undoes it. */
import { createHash } from 'node:crypto';
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compileAddon, compilerArguments, SOURCE } from './compiler.ts';
import { NativeError } from './errors.ts';
import { sweep, withScratch } from './scratch.ts';
import type { TensorFlow } from './tensorflow.ts';
import { type Link, readLink, type TfjsNode } from './tfjs-node.ts';
import { verifyAddon } from './verify.ts';

type Log = (line: string) => void;

/** Where the addon that was installed before the first link is kept. */
const former = ({ binding }: TfjsNode): string => `${binding}.before-link`;

/** A hash of everything that the addon is built from. */
function keyOf(tfjsNode: TfjsNode, tensorflow: TensorFlow): string {
  const args = compilerArguments(tfjsNode, tensorflow, '');
  const hash = createHash('sha256').update(
    JSON.stringify([args, process.arch, tfjsNode.version, tensorflow]),
  );
  for (const folder of [dirname(SOURCE), join(tfjsNode.folder, 'binding')]) {
    const sources = readdirSync(folder).filter((name) => /\.(cc|h)$/.test(name));
    for (const name of sources.sort()) hash.update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex');
}

/**
 * Compiles the addon of `tfjsNode` against `tensorflow`, tries it, and puts it in place by one rename: at any
 * moment before, the former addon is there and works.
 */
export function link(tfjsNode: TfjsNode, tensorflow: TensorFlow, log: Log): void {
  const { name, binding, folder } = tfjsNode;
  const wanted: Link = {
    key: keyOf(tfjsNode, tensorflow),
    tensorflow: tensorflow.version,
    libraries: tensorflow.libraries,
  };
  if (readLink(binding)?.key === wanted.key) {
    log(`${name} ${tfjsNode.version} is linked to TensorFlow ${tensorflow.version} already`);
    return;
  }
  if (!existsSync(join(folder, 'binding', 'tfjs_binding.cc'))) {
    throw new NativeError(`native: ${folder} has no sources of its addon. Try npm install ${name}`);
  }
  withScratch(dirname(binding), (scratch) => {
    log(`compiling the addon of ${name} ${tfjsNode.version}`);
    const addon = compileAddon(tfjsNode, tensorflow, wanted, scratch);
    log('trying it in a new process');
    verifyAddon(tfjsNode, addon);
    keepFormer(tfjsNode, scratch);
    renameSync(addon, binding);
  });
  log(`linked ${name} ${tfjsNode.version} to TensorFlow ${tensorflow.version}`);
}

/** A second name for an addon that is not ours: it keeps its first one until the rename replaces it. */
function keepFormer(tfjsNode: TfjsNode, scratch: string): void {
  const { binding } = tfjsNode;
  if (!existsSync(binding) || readLink(binding) !== null) return;
  const copy = join(scratch, 'former');
  linkSync(binding, copy);
  renameSync(copy, former(tfjsNode));
}

/** Puts the former addon back, or removes ours where there was none. */
export function unlink(tfjsNode: TfjsNode, log: Log): void {
  const { name, binding } = tfjsNode;
  if (existsSync(dirname(binding))) sweep(dirname(binding));
  if (readLink(binding) === null) {
    log(`${name} is not linked`);
    return;
  }
  if (existsSync(former(tfjsNode))) renameSync(former(tfjsNode), binding);
  else rmSync(binding);
  log(`${name} is as it was before the link`);
}
