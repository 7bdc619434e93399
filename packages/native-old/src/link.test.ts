import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyOfTfjsNode, giveForeignAddon, type Project } from '../../../test/native.ts';
import { link, unlink } from './link.ts';
import { isLinked } from './linked.ts';
import type { TensorFlow } from './tensorflow.ts';
import { installedTfjsNode, readLink, type TfjsNode } from './tfjs-node.ts';

const check = fileURLToPath(new URL('../binding/check.cjs', import.meta.url));

/** The TensorFlow that the workspace is linked to. */
function linkedTensorFlow(): TensorFlow {
  const [own] = installedTfjsNode([import.meta.dirname]);
  const { tensorflow, libraries } = readLink((own as TfjsNode).binding) as NonNullable<
    ReturnType<typeof readLink>
  >;
  return { version: tensorflow, libraries, source: 'a test' };
}

describe.runIf(isLinked())('link and unlink', { timeout: 300_000 }, () => {
  let project: Project;
  let tfjsNode: TfjsNode;
  let lines: string[];
  const log = (line: string): void => void lines.push(line);
  beforeEach(() => {
    project = copyOfTfjsNode();
    tfjsNode = installedTfjsNode([project.folder])[0] as TfjsNode;
    lines = [];
  });
  afterEach(() => project.remove());

  const works = (): boolean =>
    spawnSync(process.execPath, [check, project.tfjsNode, project.binding]).status === 0;
  const names = (): string[] => readdirSync(dirname(project.binding)).sort();

  it('finds the tfjs-node of the project, links it once, and leaves nothing else behind', () => {
    expect(tfjsNode.folder).toBe(project.tfjsNode);
    link(tfjsNode, linkedTensorFlow(), log);
    expect(works()).toBe(true);
    expect(names()).toEqual(['tfjs_binding.node']);

    const { mtimeMs } = statSync(project.binding);
    link(tfjsNode, linkedTensorFlow(), log);
    expect(statSync(project.binding).mtimeMs).toBe(mtimeMs);
    expect(lines.at(-1)).toMatch(/is linked to TensorFlow .* already$/);

    unlink(tfjsNode, log);
    expect(names()).toEqual([]);
  });

  it('the former addon is back after unlink, also after a second link to another TensorFlow', () => {
    const former = giveForeignAddon(project);
    unlink(tfjsNode, log);
    expect(lines).toEqual(['@tensorflow/tfjs-node is not linked']);
    link(tfjsNode, linkedTensorFlow(), log);
    link(tfjsNode, { ...linkedTensorFlow(), source: 'another' }, log);
    expect(readFileSync(project.binding).equals(former)).toBe(false);
    unlink(tfjsNode, log);
    expect(readFileSync(project.binding).equals(former)).toBe(true);
    expect(names()).toEqual(['tfjs_binding.node']);
    expect(works()).toBe(true);
  });

  it('a TensorFlow that does not compile or does not load leaves the former state', () => {
    const former = giveForeignAddon(project);
    const nowhere = { ...linkedTensorFlow(), libraries: '/none' };
    expect(() => link(tfjsNode, nowhere, log)).toThrow(/could not compile the addon of .*Try/s);

    // It compiles, and fails the check in the new process.
    writeFileSync(`${project.tfjsNode}/dist/index.js`, 'throw new Error("broken");');
    expect(() => link(tfjsNode, linkedTensorFlow(), log)).toThrow(
      /does not work, so the former state was kept/,
    );
    expect(readFileSync(project.binding).equals(former)).toBe(true);
    expect(names()).toEqual(['tfjs_binding.node']);
  });

  it('a tfjs-node without its sources is told to be installed again', () => {
    mkdirSync(`${project.folder}/empty/binding`, { recursive: true });
    expect(() =>
      link({ ...tfjsNode, folder: `${project.folder}/empty` }, linkedTensorFlow(), log),
    ).toThrow(/has no sources of its addon\. Try npm install/);
    expect(existsSync(project.binding)).toBe(false);
  });
});
