import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const unpack = fileURLToPath(new URL('../binding/unpack.py', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.log('skipped: unpacking, without python3');

const ZIP = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for name, link in json.loads(sys.argv[2]):
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0o120777 if link else 0o100644) << 16
        archive.writestr(entry, link or 'content')
`;

describe.runIf(hasPython)('unpack.py', () => {
  let work: string;
  let target: string;
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), 'unpack a, b '));
    target = join(work, 'cache');
    mkdirSync(target);
  });
  afterEach(() => rmSync(work, { recursive: true }));

  const unpacked = (entries: readonly (readonly [name: string, link: string | null])[]) => {
    const wheel = join(work, 'a.whl');
    execFileSync('python3', ['-c', ZIP, wheel, JSON.stringify(entries)]);
    return spawnSync('python3', ['-I', unpack, wheel, target], { encoding: 'utf8' });
  };
  const library = ['tensorflow/libtensorflow_cc.so.2', null] as const;
  const files = () =>
    readdirSync(target, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.|LICENSE$/.test(name.split('/').at(-1) as string))
      .sort();

  it('keeps the libraries, the headers and the licence, and nothing else', () => {
    const { status } = unpacked([
      library,
      ['tensorflow/libtensorflow_framework.so.2', null],
      ['tensorflow/include/tensorflow/c/c_api.h', null],
      ['tensorflow/python/_pywrap_tfe.so', null],
      ['tensorflow/include/google/protobuf/any.h', null],
      ['nvidia/cudnn/lib/libcudnn.so.9', null],
      ['nvidia/cudnn/include/cudnn.h', null],
      ['tensorflow-2.21.0.dist-info/LICENSE', null],
    ]);
    expect(status).toBe(0);
    expect(files()).toEqual([
      'nvidia/cudnn/lib/libcudnn.so.9',
      'tensorflow-2.21.0.dist-info',
      'tensorflow-2.21.0.dist-info/LICENSE',
      'tensorflow/include/tensorflow/c/c_api.h',
      'tensorflow/libtensorflow_cc.so.2',
      'tensorflow/libtensorflow_framework.so.2',
    ]);
  });

  it.each([
    ['a way up', '../libtensorflow_cc.so.2', null],
    ['a way up among folders', 'tensorflow/../../tensorflow/libtensorflow_cc.so.2', null],
    ['an absolute path', '/tmp/tfjs-lrm-outside/libtensorflow_cc.so.2', null],
    ['a way up with backslashes', '..\\libtensorflow_cc.so.2', null],
    ['a link', 'tensorflow/include/tensorflow/c/c_api.h', '/etc/passwd'],
  ])('refuses %s, before it writes the entries after it', (_, name, link) => {
    const { status, stderr } = unpacked([[name, link], library]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^refused: .* would be written outside the folder/);
    expect(files()).toEqual([]);
    expect(readdirSync(work).sort()).toEqual(['a.whl', 'cache']);
    expect(existsSync('/tmp/tfjs-lrm-outside')).toBe(false);
  });

  it('says so when a wheel holds nothing of use', () => {
    const { status, stderr } = unpacked([['tensorflow/__init__.py', null]]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/holds nothing that is needed/);
  });
});
