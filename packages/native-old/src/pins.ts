/**
 * Which wheels of TensorFlow are fetched: by platform, each by its sha256. Only their C libraries and headers
 * are used, so the Python that a wheel was built for need not be the one that is installed.
 */
import { NativeError } from './errors.ts';

/** One wheel on PyPI. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** A TensorFlow on PyPI. */
export interface Build {
  /** `linux-x64`, `linux-x64-gpu`, … */
  readonly platform: string;
  readonly version: string;
  /** TensorFlow, and the CUDA libraries that it loads. */
  readonly wheels: readonly Wheel[];
  /** The platform tags of the wheels' file names. */
  readonly tags: readonly string[];
  /** Megabytes: of the wheels, and of what is kept of them. */
  readonly size: { readonly download: number; readonly kept: number };
}

export const NEWEST = '2.21.0';

/** The Python that every pinned wheel of TensorFlow is built for. */
export const PYTHON = { version: '3.12', abi: 'cp312' } as const;

/** The oldest GNU libc that the Linux wheels run on: manylinux_2_27. */
export const GLIBC = [2, 27] as const;

const tensorflow = (name: string, sha256: string): Wheel => ({ name, version: NEWEST, sha256 });

/** What `pip install 'tensorflow[and-cuda]==2.21.0'` takes for Linux x64. */
const CUDA: readonly (readonly [string, string, string])[] = [
  [
    'nvidia-cublas-cu12',
    '12.9.3.13',
    'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
  ],
  [
    'nvidia-cuda-cupti-cu12',
    '12.8.90',
    'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
  ],
  [
    'nvidia-cuda-nvcc-cu12',
    '12.9.86',
    '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
  ],
  [
    'nvidia-cuda-nvrtc-cu12',
    '12.9.86',
    '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
  ],
  [
    'nvidia-cuda-runtime-cu12',
    '12.9.79',
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
  ],
  [
    'nvidia-cudnn-cu12',
    '9.28.0.42',
    '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
  ],
  [
    'nvidia-cufft-cu12',
    '11.4.1.4',
    'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
  ],
  [
    'nvidia-curand-cu12',
    '10.3.10.19',
    '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
  ],
  [
    'nvidia-cusolver-cu12',
    '11.7.5.82',
    '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
  ],
  [
    'nvidia-cusparse-cu12',
    '12.5.10.65',
    '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
  ],
  [
    'nvidia-nccl-cu12',
    '2.32.3',
    'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
  ],
  [
    'nvidia-nvjitlink-cu12',
    '12.9.86',
    'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
  ],
];

const BUILDS: readonly Build[] = [
  {
    platform: 'linux-x64',
    version: NEWEST,
    wheels: [
      tensorflow(
        'tensorflow-cpu',
        'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
      ),
    ],
    tags: ['manylinux_2_27_x86_64'],
    size: { download: 274, kept: 860 },
  },
  {
    platform: 'linux-x64-gpu',
    version: NEWEST,
    wheels: [
      tensorflow('tensorflow', 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0'),
      ...CUDA.map(([name, version, sha256]) => ({ name, version, sha256 })),
    ],
    tags: [
      ...['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'],
      ...['manylinux_2_12_x86_64', 'manylinux2010_x86_64'],
    ],
    size: { download: 3500, kept: 7000 },
  },
  {
    platform: 'linux-arm64',
    version: NEWEST,
    wheels: [
      tensorflow('tensorflow', 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552'),
    ],
    tags: ['manylinux_2_27_aarch64'],
    size: { download: 300, kept: 900 },
  },
  {
    platform: 'darwin-arm64',
    version: NEWEST,
    wheels: [
      tensorflow('tensorflow', '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712'),
    ],
    tags: ['macosx_12_0_arm64'],
    size: { download: 230, kept: 700 },
  },
];

const unique = (values: readonly string[]): string => [...new Set(values)].join(', ');

/**
 * The pinned build for a platform.
 *
 * @throws NativeError when there is none, with what can be done instead
 */
export function buildFor(version: string, platform: string): Build {
  const builds = BUILDS.filter((each) => each.platform === platform);
  if (builds.length === 0) {
    throw new NativeError(
      `native: no wheel of TensorFlow is pinned for ${platform}. ` +
        `Pinned: ${unique(BUILDS.map((each) => each.platform))}. ` +
        (platform.startsWith('win32')
          ? 'Try the same inside WSL 2.'
          : 'Try --python with a Python in which TensorFlow is installed.'),
    );
  }
  const build = builds.find((each) => each.version === version);
  if (build !== undefined) return build;
  throw new NativeError(
    `native: --tensorflow must be a pinned version. Received ${version}. ` +
      `Try ${unique(builds.map((each) => each.version))}, or --python with a Python that has it.`,
  );
}
