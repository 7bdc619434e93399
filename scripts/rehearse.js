/**
 * `npm run release:rehearse`: a release to a registry on this machine, and every package as its users install it.
 *
 * In a copy of the checkout it applies the changesets, builds and publishes. For each package it then makes
 * projects that install what the package's README says: with `@tensorflow/tfjs`, with `tfjs-core` and `tfjs-layers`,
 * and with `tfjs-node`; type-checks the README's examples there, runs them in Node and bundles them for the browser.
 * A model that is folded in one project is compared in another that has only tfjs. A second release bumps one
 * package by a patch and another by a minor. Needs npm's registry, and what `npx @tfjs-lrm/native link` needs.
 * `npm run release:rehearse -- adam muon` makes projects for those packages alone.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bundleExamples,
  installedTwice,
  makeProject,
  refusesBrowser,
  runExamples,
  typeCheck,
  WAYS,
} from './rehearse/consumer.js';
import { foldedElsewhere } from './rehearse/folded.js';
import { startRegistry } from './rehearse/registry.js';
import { addChangeset, copyCheckout, mostUsed, rangesBroken, release } from './rehearse/release.js';
import { typesMatrix } from './rehearse/types-matrix.js';
import { run } from './run.js';
import { findPackages } from './workspace.js';

const chosen = process.argv.slice(2);
const names = findPackages().map(({ folder }) => folder);
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`rehearse: no package ${unknown.join(', ')}. Try ${names.join(', ')}.`);
  process.exit(1);
}

const began = performance.now();
const work = mkdtempSync(join(tmpdir(), 'rehearsal-'));
const copy = join(work, 'repository');
const rows = [];
const problems = [];

const say = (text) =>
  console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);

/** The mark of a cell. A problem is counted, and its first and last lines are printed at once. */
async function attempt(what, action) {
  try {
    const result = await action();
    return typeof result === 'string' ? result : 'ok';
  } catch (error) {
    problems.push(what);
    const [first, ...lines] = error.message.split('\n');
    console.error(`\n${what}\n${[first, ...lines.slice(-40)].join('\n')}\n`);
    return 'FAIL';
  }
}

async function tryPackage(each, env) {
  const row = { package: each.name, version: each.manifest.version };
  rows.push(row);
  for (const [i, [way, { nodeOnly }]] of Object.entries(WAYS).entries()) {
    if (each.nodeOnly && !nodeOnly) continue;
    say(`${each.name} with ${way}`);
    const folder = join(work, `project-${i}`);
    let files = [];
    const cell = async (column, what, action) => {
      const mark = await attempt(`${each.name} with ${way}: ${what}`, action);
      row[column] = row[column] === undefined || row[column] === mark ? mark : 'FAIL';
      return mark;
    };
    const installed = await cell('install', 'install', () => {
      files = makeProject(folder, [each], way, env);
      if (files.length === 0) throw new Error('its README shows no example');
      const twice = installedTwice(folder, env);
      if (twice.length > 0) throw new Error(twice.join('\n'));
    });
    if (installed === 'FAIL') continue;
    await cell('types', 'types', () =>
      typeCheck(folder, { module: 'nodenext', moduleResolution: 'nodenext' }),
    );
    await cell(way, 'examples in Node', () => runExamples(folder, files));
    if (each.nodeOnly) {
      await cell('browser', 'bundle', async () => {
        await refusesBrowser(folder, each.name);
        return 'refused';
      });
    } else if (!nodeOnly) {
      await cell('browser', 'bundle', () => bundleExamples(folder, files));
    }
  }
}

async function secondRelease(env) {
  const before = findPackages(copy);
  const peers = new Map(before.map(({ name, manifest }) => [name, manifest.peerDependencies]));
  const [patched, grown] = mostUsed(before);
  addChangeset(copy, { [patched]: 'patch', [grown]: 'minor' });
  const versions = release(copy, env);
  for (const row of rows) {
    const next = versions.get(row.package);
    const why = { [patched]: ' (patch)', [grown]: ' (minor)' }[row.package] ?? ' (follows)';
    row['second release'] = next === row.version ? 'stays' : `${next}${why}`;
  }
  const after = findPackages(copy);
  const broken = rangesBroken(after, peers);
  if (broken.length > 0) throw new Error(broken.join('\n'));

  const folder = join(work, 'everything');
  makeProject(folder, after, '@tensorflow/tfjs', env);
  const twice = installedTwice(folder, env);
  if (twice.length > 0) throw new Error(twice.join('\n'));
}

let registry = null;
const cleanUp = () => {
  registry?.stop();
  run('rm', ['-rf', work], { cwd: tmpdir() }); // over a hundred thousand files: minutes with rmSync
};
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    cleanUp();
    process.exit(130);
  });
}

try {
  registry = await startRegistry(work);
  say(`registry at ${registry.url}, everything but ours from ${registry.upstream}`);
  say('copying the checkout, npm ci');
  copyCheckout(copy, registry.env);
  say('first release: versions, build, publish');
  release(copy, registry.env);
  const packages = findPackages(copy);
  for (const each of packages) {
    if (chosen.length > 0 && !chosen.includes(each.folder)) continue;
    await tryPackage(each, registry.env);
    if (each.folder !== 'multipliers') continue;
    say(
      `multipliers: ${await attempt('a folded model', () => foldedElsewhere(work, each, registry.env))}`,
    );
  }
  say('second release, and all packages in one project');
  const ranges = await attempt('the second release', () => secondRelease(registry.env));
  say(`ranges and peers: ${ranges}`);
  if (ranges === 'ok') {
    for (const [name, error] of typesMatrix(work, join(work, 'everything'), registry.env)) {
      const mark = await attempt(name, () => {
        if (error !== null) throw error;
      });
      say(`${name}: ${mark}`);
    }
  }
} catch (error) {
  problems.push('the rehearsal itself');
  console.error(error.message);
} finally {
  cleanUp();
}

console.table(rows);
say(problems.length === 0 ? 'all is well' : `failed: ${problems.join('; ')}`);
process.exitCode = problems.length === 0 ? 0 : 1;
