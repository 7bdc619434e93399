import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../../test/process.ts';
import { checkVersion, describeLink } from './doctor.ts';
import { checkDisk } from './fetch.ts';
import { checkSystem } from './machine.ts';
import { buildFor, NEWEST } from './pins.ts';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const tfjsNode = { name: '@tensorflow/tfjs-node', folder: '/none', binding: '/none/a.node' };

describe('a problem is an error with the command that mends it', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['Windows', () => checkSystem('win32', null), /Try WSL 2: wsl --install/],
    ['musl', () => checkSystem('linux', null), /musl .* Try an image .* node:22-slim/],
    [
      'an old glibc',
      () => checkSystem('linux', '2.17'),
      /need the GNU libc 2\.27 .* Received 2\.17/,
    ],
    ['FreeBSD', () => checkSystem('freebsd', null), /no wheels for freebsd/],
    ['no wheel', () => buildFor(NEWEST, 'linux-s390x'), /pinned for linux-s390x.*Try --python/],
    ['Windows wheels', () => buildFor(NEWEST, 'win32-x64'), /Try the same inside WSL 2/],
    ['a GPU build for arm64', () => buildFor(NEWEST, 'linux-arm64-gpu'), /linux-arm64-gpu/],
    ['another version', () => buildFor('2.9.1', 'linux-x64'), /Received 2\.9\.1\. Try 2\.21\.0/],
    ['a full disk', () => checkDisk(buildFor(NEWEST, 'linux-x64'), 100), /Try TFJS_LRM_CACHE=/],
    ['an old tfjs-node', () => checkVersion({ ...tfjsNode, version: '3.21.1' }), /@4\.22\.0$/],
    ['no link', () => describeLink({ ...tfjsNode, version: '4.22.0' }), /not linked\. Try npx/],
  ])('%s', (_, check, message) => expect(check).toThrow(message));

  it.each([
    ['linux', '2.27'],
    ['linux', '2.36'],
    ['linux', '3.0'],
    ['darwin', null],
  ] as const)('%s with glibc %s is none', (platform, glibc) => checkSystem(platform, glibc));
});

describe('the command', () => {
  let work: string;
  beforeAll(async () => {
    await build(['native']);
    work = mkdtempSync(join(tmpdir(), 'doctor '));
  });
  afterAll(() => rmSync(work, { recursive: true }));

  /** The doctor where only these programs are on the PATH, each of which prints a line and ends with a code. */
  function doctor(programs: Record<string, string>, ...options: string[]) {
    const path = mkdtempSync(join(work, 'bin '));
    for (const [name, script] of Object.entries(programs)) {
      const file = join(path, name);
      writeFileSync(file, `#!/bin/sh\n${script}\n`);
      chmodSync(file, 0o755);
    }
    const env = { PATH: path, HOME: work, TFJS_LRM_CACHE: join(work, 'cache') };
    const { stdout, status } = spawnSync(process.execPath, [main, 'doctor', ...options], {
      env,
      encoding: 'utf8',
    });
    return { stdout, status };
  }
  const working = {
    'c++': 'echo c++ 12',
    python3: 'echo Python 3.12',
    'nvidia-smi': 'echo NVIDIA A100, 570.1',
  };

  it('says when nothing is missing but the link', () => {
    const { stdout } = doctor(working);
    expect(stdout).toMatch(/^ok {3}compiler: c\+\+ 12$/m);
    expect(stdout).toMatch(/^ok {3}python: Python 3\.12$/m);
    expect(stdout).toMatch(/^ok {3}disk: \d+ MB free/m);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['no compiler', { 'c++': 'exit 1' }, /^FAIL compiler: no C\+\+ compiler .* Try \S/m],
    ['no Python', { python3: 'exit 1' }, /^FAIL python: no Python 3\.10 .* Try \S/m],
    [
      'no pip',
      { python3: 'if [ "$2" = pip ]; then exit 1; fi; echo Python 3.12' },
      /^FAIL pip: python3 has no pip\. Try \S/m,
    ],
  ])('%s', (_, broken, line) => {
    const { stdout, status } = doctor({ ...working, ...broken });
    expect(stdout).toMatch(line);
    expect(status).toBe(1);
  });

  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'a GPU: no driver, or no CUDA',
    () => {
      expect(doctor({ ...working, 'nvidia-smi': 'exit 9' }, '--gpu').stdout).toMatch(
        /^FAIL gpu: nvidia-smi does not answer.* Try \S/m,
      );
      expect(doctor(working, '--gpu').stdout).toMatch(
        /^FAIL gpu: NVIDIA A100, 570\.1, but no CUDA 12 libraries.* Try npx @tfjs-lrm\/native link --gpu$/m,
      );
      expect(doctor({ ...working, ldconfig: 'echo libcudnn.so.9' }, '--gpu').stdout).toMatch(
        /^ok {3}gpu: NVIDIA A100/m,
      );
    },
  );

  it('an unknown command, an unknown option and a contradiction are refused in a line', () => {
    const refused = (...args: string[]) =>
      spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    expect(refused('lnk').stderr).toBe(
      'native: unknown command lnk. Try link, unlink or doctor.\n',
    );
    expect(refused('link', '--tensorflw', '2').stderr).toMatch(/^Unknown option '--tensorflw'/);
    expect(refused('link', '--python', 'python3', '--gpu').stderr).toMatch(
      /^native: --python takes the TensorFlow that is installed there/,
    );
    expect(refused('link', '--python', join(work, 'none')).stderr).toMatch(
      /^native: --python must be a Python .* which was not found/,
    );
    expect(refused('link', '--python', 'python3').status).toBe(1);
  });

  it('a project without tfjs-node is told how to install it', () => {
    const project = join(work, 'project');
    mkdirSync(project);
    const copy = join(work, 'elsewhere');
    mkdirSync(copy);
    symlinkSync(fileURLToPath(new URL('../dist', import.meta.url)), join(copy, 'dist'));
    const { stderr, status } = spawnSync(
      process.execPath,
      ['--preserve-symlinks-main', '--preserve-symlinks', join(copy, 'dist', 'main.js'), 'unlink'],
      { cwd: project, encoding: 'utf8' },
    );
    expect(stderr).toMatch(
      /neither @tensorflow\/tfjs-node nor -gpu is installed in .*\. Try npm install/,
    );
    expect(status).toBe(1);
  });
});
