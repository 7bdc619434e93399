/** Compiles the addon: tfjs-node's sources and ours, against one TensorFlow. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeError } from './errors.ts';
import { installHint } from './python.ts';
import { run } from './run.ts';
import { cLibraries, cudaFolders, type TensorFlow } from './tensorflow.ts';
import type { Link, TfjsNode } from './tfjs-node.ts';

export const SOURCE: string = fileURLToPath(new URL('../binding/tfjs_lrm.cc', import.meta.url));

/** The compiler that `CXX` names, else the system's. */
export function findCompiler(): string {
  const names = process.env['CXX'] ? [process.env['CXX']] : ['c++', 'g++', 'clang++'];
  const compiler = names.find((name) => run(name, ['--version']).ok);
  if (compiler !== undefined) return compiler;
  throw new NativeError(
    `native: no C++ compiler is installed (tried ${names.join(', ')}). Try ${installHint('compiler')}.`,
  );
}

function headersOfNode(): string {
  const manifest = createRequire(import.meta.url).resolve('node-api-headers/package.json');
  return join(manifest, '..', 'include');
}

/**
 * Where the addon looks for the libraries. The old kind of entry serves also what TensorFlow itself opens; and
 * the addon is initialised first, to quiet TensorFlow's start.
 */
function searchPath({ libraries }: TensorFlow): string[] {
  const folders = [libraries, ...cudaFolders(libraries)];
  // -Xlinker takes a path with commas, which -Wl would split.
  return [
    ...(process.platform === 'linux'
      ? ['-Xlinker', '--disable-new-dtags', '-Wl,-z,initfirst']
      : []),
    ...folders.flatMap((folder) => ['-Xlinker', '-rpath', '-Xlinker', folder]),
  ];
}

/** The compiler's arguments; `scratch` has the header that this package writes, and gets the addon. */
export function compilerArguments(
  tfjsNode: TfjsNode,
  tensorflow: TensorFlow,
  scratch: string,
): string[] {
  const headers = join(tensorflow.libraries, 'include');
  const folders = [scratch, headersOfNode(), headers, tfjsNode.folder];
  return [
    ...['-std=c++17', '-O3', '-fPIC', '-shared', '-fvisibility=hidden', '-DNAPI_VERSION=8'],
    // So that a root and the order of a sum do not keep a loop from being vectorised.
    ...['-fno-math-errno', '-fopenmp-simd'],
    // Each operation rounds by itself, so that equal elements stay equal wherever in a tensor they are, on every processor.
    '-ffp-contract=off',
    ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
    ...folders.map((folder) => `-I${folder}`),
    ...[SOURCE, '-o', join(scratch, 'tfjs_binding.node')],
    ...cLibraries(tensorflow),
    ...searchPath(tensorflow),
  ];
}

/** Compiles the addon in `scratch` and returns its path. */
export function compileAddon(
  tfjsNode: TfjsNode,
  tensorflow: TensorFlow,
  link: Link,
  scratch: string,
): string {
  const compiler = findCompiler();
  writeFileSync(
    join(scratch, 'link.h'),
    `#define TFJS_LRM_LINK R"tfjs_lrm(${JSON.stringify(link)})tfjs_lrm"\n`,
  );
  const result = run(compiler, compilerArguments(tfjsNode, tensorflow, scratch), {
    cwd: scratch,
    env: { TMPDIR: scratch },
  });
  if (result.ok) return join(scratch, 'tfjs_binding.node');
  throw new NativeError(
    `native: ${compiler} could not compile the addon of ${tfjsNode.name}:\n${result.output}\n` +
      'Try another compiler (CXX=clang++), and npx @tfjs-lrm/native doctor.',
  );
}
