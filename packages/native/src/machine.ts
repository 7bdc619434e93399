/** The system that this process runs on. */
import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { NativeError } from './errors.ts';
import { GLIBC } from './pins.ts';

/** Free megabytes on the disk of a folder, which need not exist yet. */
export function freeMegabytes(folder: string): number {
  if (!existsSync(folder) && dirname(folder) !== folder) return freeMegabytes(dirname(folder));
  const { bavail, bsize } = statfsSync(folder);
  return (bavail * bsize) / 2 ** 20;
}

/** The version of the GNU libc that runs this process; null on musl and elsewhere. */
export function glibcVersion(): string | null {
  // Without this, the report first looks up host names on the network, which can take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? null;
}

/** @throws NativeError on a system for which PyPI has no TensorFlow */
export function checkSystem(
  platform: NodeJS.Platform = process.platform,
  glibc: string | null = platform === 'linux' ? glibcVersion() : null,
): void {
  if (platform === 'win32') {
    throw new NativeError(
      'native: the link does not work on Windows itself: its wheels have no C++ library to link with. ' +
        'Try WSL 2: wsl --install, and in it npm install and npx @tfjs-lrm/native link',
    );
  }
  if (platform === 'darwin') return;
  if (platform !== 'linux') {
    throw new NativeError(`native: TensorFlow has no wheels for ${platform}. Try Linux or macOS.`);
  }
  if (glibc === null) {
    throw new NativeError(
      'native: this Linux has musl instead of the GNU libc that the wheels of TensorFlow need. ' +
        'Try an image with the GNU libc, such as node:22-slim for node:22-alpine.',
    );
  }
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  if (major > GLIBC[0] || (major === GLIBC[0] && minor >= GLIBC[1])) return;
  throw new NativeError(
    `native: the wheels of TensorFlow need the GNU libc ${GLIBC.join('.')} or newer. Received ${glibc}. ` +
      'Try a newer Linux (Debian 10, Ubuntu 18.10, RHEL 8), or a container with one.',
  );
}
