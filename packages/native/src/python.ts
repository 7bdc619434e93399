/** The Python of this machine: it fetches the wheel, or has TensorFlow installed already. */
import { NativeError } from './errors.ts';
import { run } from './run.ts';

/** The first of the usual names that starts a Python 3. */
export function findPython(): string {
  for (const name of ['python3', 'python']) {
    if (run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']).ok) return name;
  }
  throw new NativeError(
    'native: no Python 3.10 or newer is installed, which fetches TensorFlow with pip. ' +
      `Try ${installHint('python')}.`,
  );
}

/** @throws NativeError when this Python has no pip */
export function checkPip(python: string): void {
  if (run(python, ['-m', 'pip', '--version']).ok) return;
  throw new NativeError(
    `native: ${python} has no pip. Try ${installHint('pip')}, or: ${python} -m ensurepip --user`,
  );
}

const HINTS = {
  python: {
    linux: 'sudo apt-get install python3 python3-pip (or dnf, apk, pacman)',
    darwin: 'brew install python',
  },
  pip: { linux: 'sudo apt-get install python3-pip', darwin: 'brew install python' },
  compiler: {
    linux: 'sudo apt-get install g++ (or: dnf install gcc-c++, apk add g++, pacman -S gcc)',
    darwin: 'xcode-select --install',
  },
} as const;

/** The command that installs what is missing. */
export function installHint(what: keyof typeof HINTS): string {
  return HINTS[what][process.platform === 'darwin' ? 'darwin' : 'linux'];
}
