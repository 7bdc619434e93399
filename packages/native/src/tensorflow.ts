/** A TensorFlow on this machine, and the one that is installed in a Python. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NativeError } from './errors.ts';
import { run } from './run.ts';

/** What an addon can be linked with. */
export interface TensorFlow {
  readonly version: string;
  /** The folder of its libraries; those of CUDA lie in `nvidia` beside it. */
  readonly libraries: string;
  /** Where it comes from: its wheels' sha256, or the folder of an installed one. */
  readonly source: string;
}

/** The two libraries that hold TensorFlow's C functions. */
export function cLibraries({ libraries }: TensorFlow): string[] {
  const names =
    process.platform === 'darwin'
      ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
      : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
  return names.map((name) => join(libraries, name));
}

/** The folders of the CUDA libraries that came with it; none for a CPU build. */
export function cudaFolders(libraries: string): string[] {
  const nvidia = join(libraries, '..', 'nvidia');
  if (!existsSync(nvidia)) return [];
  return readdirSync(nvidia)
    .map((name) => join(nvidia, name, 'lib'))
    .filter((folder) => existsSync(folder));
}

const FIND = `
import importlib.metadata, importlib.util, json
spec = importlib.util.find_spec('tensorflow')
folders = list(spec.submodule_search_locations or []) if spec else []
names = ('tensorflow', 'tensorflow-cpu', 'tensorflow-macos')
versions = [d.version for n in names for d in importlib.metadata.distributions(name=n)]
print(json.dumps([folders[0] if folders else None, versions[0] if versions else None]))
`;

/**
 * The TensorFlow that is installed in a Python. It is looked for, not imported, which would take seconds.
 *
 * @throws NativeError when there is none
 */
export function installedTensorFlow(python: string): TensorFlow {
  // From the home folder, so that a folder named tensorflow in the current one is not taken for it.
  const result = run(python, ['-c', FIND], { cwd: homedir() });
  if (!result.ok) {
    throw new NativeError(
      `native: --python must be a Python 3.10 or newer. Received ${python}` +
        `${result.code === 'ENOENT' ? ', which was not found' : `:\n${result.output}`}. ` +
        'Try --python python3, or the python of a virtual environment.',
    );
  }
  const [folder, version] = JSON.parse(result.output.split('\n').at(-1) as string) as [
    string | null,
    string | null,
  ];
  if (folder === null || version === null) {
    throw new NativeError(
      `native: ${python} has no TensorFlow. ` +
        `Try ${python} -m pip install tensorflow-cpu, or leave --python out.`,
    );
  }
  const tensorflow = { version, libraries: folder, source: folder };
  const missing = cLibraries(tensorflow).find((file) => !existsSync(file));
  if (missing === undefined) return tensorflow;
  throw new NativeError(
    `native: the TensorFlow ${version} of ${python} has no ${missing}. ` +
      'Try one that was installed by pip on Linux or macOS, or leave --python out.',
  );
}
