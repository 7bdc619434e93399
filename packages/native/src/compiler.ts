/** Compiles the addon: tfjs-node's sources and ours, against one TensorFlow. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeError } from './errors.ts';
import { installHint } from './python.ts';
import { run } from './run.ts';
import type { TensorFlow } from './tensorflow.ts';
import type { Link, TfjsNode } from './tfjs-node.ts';

export const SOURCE: string = fileURLToPath(new URL('../binding/tfjs_lrm.cc', import.meta.url));

/** The compiler that `CXX` names, else the system's. */
export function findCompiler(): string {
  const names = process.env['CXX'] ? [process.env['CXX']] : ['c++', 'g++', 'clang++'];
  const found = names.find((name) => run(name, ['--version']).ok);
  if (found !== undefined) return found;
  throw new NativeError(
    `native: there is no C++ compiler (tried ${names.join(', ')}). Try ${installHint('compiler')}.`,
  );
}

function headersOfNode(): string {
  const manifest = createRequire(import.meta.url).resolve('node-api-headers/package.json');
  return join(manifest, '..', 'include');
}

/** The arguments of the compiler, but for the folders, which are the machine's. */
export const FLAGS: readonly string[] = [
  ...['-std=c++17', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-DNAPI_VERSION=8'],
  ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
];

function libraries(folder: string): string[] {
  const names =
    process.platform === 'darwin'
      ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
      : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
  return names.map((name) => join(folder, name));
}

/** Compiles the addon in `scratch` and returns its path. */
export function compileAddon(
  tfjsNode: TfjsNode,
  tensorflow: TensorFlow,
  link: Link,
  scratch: string,
): string {
  const compiler = findCompiler();
  const addon = join(scratch, 'tfjs_binding.node');
  writeFileSync(
    join(scratch, 'link.h'),
    `#define TFJS_LRM_LINK R"tfjs_lrm(${JSON.stringify(link)})tfjs_lrm"\n`,
  );
  const folders = [scratch, headersOfNode(), tensorflow.headers, tfjsNode.folder];
  const result = run(
    compiler,
    [
      ...FLAGS,
      ...folders.map((folder) => `-I${folder}`),
      ...[SOURCE, '-o', addon],
      ...libraries(tensorflow.libraries),
      // -Xlinker takes a path with commas, which -Wl would split.
      ...['-Xlinker', '-rpath', '-Xlinker', tensorflow.libraries],
    ],
    { cwd: scratch, env: { TMPDIR: scratch } },
  );
  if (result.ok) return addon;
  throw new NativeError(
    `native: ${compiler} could not compile the addon of ${tfjsNode.name}:\n${result.output}\n` +
      'Try another compiler (CXX=clang++), and npx @tfjs-lrm/native doctor.',
  );
}
