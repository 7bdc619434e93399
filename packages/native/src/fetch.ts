/** Fetches a pinned TensorFlow from PyPI into this package's own cache. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeError } from './errors.ts';
import { freeMegabytes } from './machine.ts';
import { type Build, PYTHON } from './pins.ts';
import { checkPip, findPython } from './python.ts';
import { run } from './run.ts';
import { withScratch } from './scratch.ts';
import type { TensorFlow } from './tensorflow.ts';

/** This package's own cache, which `TFJS_LRM_CACHE` moves. */
export function cacheFolder(): string {
  const { TFJS_LRM_CACHE, XDG_CACHE_HOME } = process.env;
  if (TFJS_LRM_CACHE) return TFJS_LRM_CACHE;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'tfjs-lrm');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'tfjs-lrm');
}

const unpack = fileURLToPath(new URL('../binding/unpack.py', import.meta.url));

function download(python: string, { wheels, tags }: Build, folder: string): string[] {
  const requirements = join(folder, 'requirements.txt');
  writeFileSync(
    requirements,
    wheels.map((each) => `${each.name}==${each.version} --hash=sha256:${each.sha256}\n`).join(''),
  );
  const result = run(
    python,
    [
      ...['-m', 'pip', 'download', '--require-hashes', '--only-binary', ':all:', '--no-deps'],
      ...['--no-cache-dir', '--disable-pip-version-check', '--quiet'],
      ...['--implementation', 'cp', '--python-version', PYTHON.version],
      ...['--abi', PYTHON.abi, '--abi', 'none', ...tags.flatMap((tag) => ['--platform', tag])],
      ...['--dest', folder, '--requirement', requirements],
    ],
    { cwd: folder, env: { TMPDIR: folder } },
  );
  const files = readdirSync(folder).filter((name) => name.endsWith('.whl'));
  if (result.ok && files.length === wheels.length) return files.map((name) => join(folder, name));
  throw new NativeError(
    `native: pip could not fetch ${wheels[0]?.name} ${wheels[0]?.version} for ${tags[0]}:\n` +
      `${result.output}\n` +
      'Try again with a connection to PyPI, or --python with a Python in which TensorFlow is installed.',
  );
}

/** @throws NativeError when the cache's disk is too small for what is fetched and unpacked */
export function checkDisk(build: Build, free: number = freeMegabytes(cacheFolder())): void {
  const needed = build.size.download + build.size.kept;
  if (free >= needed) return;
  throw new NativeError(
    `native: the cache ${cacheFolder()} needs ${needed} MB free, and its disk has ${Math.floor(free)} MB. ` +
      'Try TFJS_LRM_CACHE=/another/disk npx @tfjs-lrm/native link',
  );
}

/** Where the cache keeps a build, and whether it has it. */
export function cached(build: Build): {
  readonly tensorflow: TensorFlow;
  readonly isComplete: boolean;
} {
  const source = build.wheels.map((each) => each.sha256).join(' ');
  const folder = join(
    cacheFolder(),
    `tensorflow-${build.version}-${build.platform}-${source.slice(0, 12)}`,
  );
  const tensorflow = { version: build.version, libraries: join(folder, 'tensorflow'), source };
  return { tensorflow, isComplete: existsSync(folder) };
}

/**
 * The pinned libraries and headers, from the cache or else from PyPI. Their folder appears in the cache when
 * it is complete, by a rename, and not before.
 */
export function fetchTensorFlow(build: Build, log: (line: string) => void): TensorFlow {
  const { tensorflow, isComplete } = cached(build);
  if (isComplete) return tensorflow;
  const python = findPython();
  checkPip(python);
  checkDisk(build);
  const { download: megabytes, kept } = build.size;
  log(
    `fetching TensorFlow ${build.version} (${build.platform}, ${megabytes} MB) with ${python} -m pip; ` +
      `${kept} MB of it are kept in ${cacheFolder()}`,
  );
  withScratch(cacheFolder(), (scratch) => {
    const files = download(python, build, scratch);
    log('unpacking its libraries and headers');
    const whole = join(scratch, 'whole');
    mkdirSync(whole);
    for (const file of files) {
      const result = run(python, ['-I', unpack, file, whole], { cwd: scratch });
      if (!result.ok) throw new NativeError(`native: unpacking ${file} failed:\n${result.output}`);
      rmSync(file);
    }
    const folder = join(tensorflow.libraries, '..');
    // Another link may have been faster; both have the same content.
    if (!existsSync(folder)) renameSync(whole, folder);
  });
  return tensorflow;
}
