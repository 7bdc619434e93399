import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLink } from './tfjs-node.ts';

describe('readLink', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'read link '));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const written = (content: string): string => {
    const file = join(folder, 'addon.node');
    writeFileSync(file, content);
    return file;
  };

  it('finds what the link wrote between other bytes', () => {
    const link = { key: 'k', tensorflow: '2.21.0', libraries: '/a b/é' };
    const file = written(`\x7fELF\0\0tfjs-lrm-link:${JSON.stringify(link)}\0more`);
    expect(readLink(file)).toEqual(link);
  });

  it.each(['an addon of somebody else', 'tfjs-lrm-link:{"key":', 'tfjs-lrm-link:'])(
    'is null for %j, which this package did not make',
    (content) => {
      expect(readLink(written(content))).toBe(null);
    },
  );

  it('is null where there is no addon', () => {
    expect(readLink(join(folder, 'none.node'))).toBe(null);
  });
});
