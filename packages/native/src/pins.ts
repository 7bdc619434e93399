/**
 * Which wheel of TensorFlow is fetched: one a platform, by its sha256. Only its C libraries and headers are
 * used, so the Python that a wheel was built for need not be the one that is installed.
 */
import { NativeError } from './errors.ts';

/** One wheel on PyPI. */
export interface Wheel {
  readonly package: string;
  readonly version: string;
  /** The platform tag in the wheel's file name. */
  readonly tag: string;
  readonly sha256: string;
  /** Megabytes: of the wheel, and of what is kept of it. */
  readonly size: { readonly download: number; readonly kept: number };
  /** The oldest GNU libc that can load it. */
  readonly glibc?: string;
}

export const NEWEST = '2.21.0';

/** The Python that every pinned wheel is built for. */
export const PYTHON_TAG = { version: '3.12', abi: 'cp312' } as const;

const cpu: Wheel = {
  package: 'tensorflow-cpu',
  version: NEWEST,
  tag: 'manylinux_2_27_x86_64',
  sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
  size: { download: 274, kept: 860 },
  glibc: '2.27',
};

const PINS: Readonly<Record<string, readonly Wheel[]>> = {
  'linux-x64': [cpu],
  'linux-arm64': [
    {
      ...cpu,
      package: 'tensorflow',
      tag: 'manylinux_2_27_aarch64',
      sha256: 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
    },
  ],
  'darwin-arm64': [
    {
      package: 'tensorflow',
      version: NEWEST,
      tag: 'macosx_12_0_arm64',
      sha256: '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
      size: { download: 230, kept: 700 },
    },
  ],
};

/**
 * The pinned wheel for this machine.
 *
 * @throws NativeError when there is none, with what can be done instead
 */
export function wheelFor(version: string, platform: string): Wheel {
  const wheels = PINS[platform];
  if (wheels === undefined) {
    throw new NativeError(
      `native: no wheel of TensorFlow is known for ${platform}. Known: ${Object.keys(PINS).join(', ')}. ` +
        'Try --python with a Python in which TensorFlow is installed' +
        (platform.startsWith('win32')
          ? ', inside WSL 2: the link does not work on Windows itself.'
          : '.'),
    );
  }
  const wheel = wheels.find((each) => each.version === version);
  if (wheel === undefined) {
    throw new NativeError(
      `native: --tensorflow must be a pinned version. Received ${version}. ` +
        `Try ${wheels.map((each) => each.version).join(' or ')}, or --python with a Python that has it.`,
    );
  }
  return wheel;
}
