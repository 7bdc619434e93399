import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyOfTfjsNode, type Project } from '../../../test/native.ts';
import { build } from '../../../test/process.ts';
import { isLinked } from './linked.ts';

describe('the import', () => {
  let project: Project;
  beforeAll(async () => {
    await build(['native']);
    project = copyOfTfjsNode();
    // The package as npm would install it there: its own copy, beside that tfjs-node.
    const own = join(project.folder, 'own');
    mkdirSync(own);
    symlinkSync(fileURLToPath(new URL('../dist', import.meta.url)), join(own, 'dist'));
  });
  afterAll(() => project.remove());

  const imported = () =>
    spawnSync(
      process.execPath,
      [
        ...['--preserve-symlinks', '--preserve-symlinks-main', '--input-type=module', '-e'],
        `await import(${JSON.stringify(`${project.folder}/own/dist/index.js`)})`,
      ],
      { cwd: project.folder, encoding: 'utf8' },
    ).stderr;
  const give = (content: string): void => {
    mkdirSync(dirname(project.binding), { recursive: true });
    writeFileSync(project.binding, content);
  };

  it('without a link names the command', () => {
    expect(imported()).toMatch(
      /Error: native: @tensorflow\/tfjs-node must be linked to a TensorFlow first\. Try: npx @tfjs-lrm\/native link\n/,
    );
  });

  it('with an addon of somebody else names it too', () => {
    give('not ours');
    expect(imported()).toMatch(/must be linked to a TensorFlow first/);
  });

  it('says when the TensorFlow that was linked is gone', () => {
    give(
      `tfjs-lrm-link:${JSON.stringify({ key: '', tensorflow: '2.21.0', libraries: '/none' })}\0`,
    );
    expect(imported()).toMatch(/is linked to \/none, which no longer exists\. Try: npx/);
  });
});

describe.runIf(isLinked())('info', () => {
  it('names the package, TensorFlow and its devices', async () => {
    const { info } = await import('./index.ts');
    expect(info()).toMatchObject({ package: '@tensorflow/tfjs-node', version: '4.22.0' });
    expect(info().tensorflow).toMatch(/^2\.\d+\.\d+/);
    expect(info().devices.map(({ type }) => type)).toContain('CPU');
  });
});
