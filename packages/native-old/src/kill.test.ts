/**
 * A link that is killed leaves a tfjs-node that works. `npm run native:kill -w @tfjs-lrm/native` does it at 20
 * moments, from the first byte of the download on; the tests do it at 2, with TensorFlow in the cache.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyOfTfjsNode, giveForeignAddon, type Project } from '../../../test/native.ts';
import { build } from '../../../test/process.ts';
import { cacheFolder } from './fetch.ts';
import { isLinked } from './linked.ts';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const check = fileURLToPath(new URL('../binding/check.cjs', import.meta.url));
const moments = Number(process.env['TFJS_LRM_KILLS'] ?? 2);
const withDownload = moments > 2;

describe.runIf(isLinked())('a link that is killed', () => {
  let project: Project;
  let cache: string;
  let former: Buffer;
  let duration: number;

  beforeAll(async () => {
    await build(['native']);
    project = copyOfTfjsNode();
    cache = withDownload ? mkdtempSync(join(tmpdir(), 'cache ')) : cacheFolder();
    former = giveForeignAddon(project);
    const began = performance.now();
    await linked(Number.POSITIVE_INFINITY);
    duration = performance.now() - began;
  }, 600_000);
  afterAll(() => {
    project.remove();
    if (withDownload) rmSync(cache, { recursive: true });
  });

  /** Links, and kills the command with all that it has started after some milliseconds. */
  async function linked(milliseconds: number): Promise<boolean> {
    const child = spawn(process.execPath, [main, 'link'], {
      cwd: project.folder,
      env: { ...process.env, TFJS_LRM_CACHE: cache },
      stdio: 'ignore',
      detached: true,
    });
    const ended = new Promise<boolean>((resolve) =>
      child.once('exit', (code) => resolve(code === 0)),
    );
    const stop = new AbortController();
    const timer =
      milliseconds < Number.POSITIVE_INFINITY
        ? wait(milliseconds, null, { signal: stop.signal }).then(
            () => process.kill(-(child.pid as number), 'SIGKILL'),
            () => undefined,
          )
        : undefined;
    const isWhole = await ended;
    stop.abort();
    await timer;
    return isWhole;
  }
  /** The same where nothing was linked or fetched before. */
  async function linkFrom(milliseconds: number): Promise<boolean> {
    rmSync(`${project.binding}.before-link`, { force: true });
    giveForeignAddon(project);
    if (withDownload) rmSync(cache, { recursive: true, force: true });
    return linked(milliseconds);
  }
  const works = (): boolean =>
    spawnSync(process.execPath, [check, project.tfjsNode, project.binding]).status === 0;
  const names = (folder: string): string[] => readdirSync(folder).sort();

  it.each(Array.from({ length: moments }, (_, i) => i + 1))(
    'leaves what works, moment %d',
    async (moment) => {
      let after = (duration * moment) / (moments + 1);
      for (; await linkFrom(after); after *= 0.8); // one that had ended was not killed: again, and sooner
      const isFormer = readFileSync(project.binding).equals(former);
      console.log(
        `killed after ${Math.round(after)} of ${Math.round(duration)} ms: ` +
          `the ${isFormer ? 'former' : 'new'} addon is in place`,
      );
      expect(works()).toBe(true);
    },
    600_000,
  );

  it('the next link succeeds and sweeps up', async () => {
    expect(await linked(Number.POSITIVE_INFINITY)).toBe(true);
    expect(works()).toBe(true);
    expect(names(dirname(project.binding))).toEqual([
      'tfjs_binding.node',
      'tfjs_binding.node.before-link',
    ]);
    expect(names(cache).filter((name) => name.startsWith('.'))).toEqual([]);
  }, 600_000);
});
