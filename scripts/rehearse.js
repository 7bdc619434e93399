/**
 * `npm run release:rehearse`: a release to a registry on this machine, and every package as its users meet it.
 *
 * In a copy of the checkout it applies the changesets, builds and publishes. For each package it then makes a
 * project that installs what the package's README says, once with `@tensorflow/tfjs` and once with
 * `tfjs-core` and `tfjs-layers`; type-checks the README's examples there, runs them in Node and bundles them for
 * the browser. A model that is folded in one project is compared in another that has only tfjs. A second release
 * bumps one package by a patch and another by a minor. Needs npm's registry.
 *
 * `npm run release:rehearse -- multipliers` tries that package alone, and no second release.
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

const began = performance.now();
const work = mkdtempSync(join(tmpdir(), 'rehearsal-'));
const copy = join(work, 'repository');
const chosen = process.argv.slice(2);
const rows = [];
const problems = [];

const say = (text) =>
  console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);

/** The mark of a cell; the problem itself is printed at once and counted. */
async function attempt(what, action) {
  try {
    const result = await action();
    return typeof result === 'string' ? result : 'ok';
  } catch (error) {
    problems.push(what);
    console.error(`\n${what}\n${error.message}\n`);
    return 'FAIL';
  }
}

async function tryPackage(each, env) {
  const row = { package: each.name, version: each.manifest.version };
  for (const [i, way] of Object.keys(WAYS).entries()) {
    const folder = join(work, `project-${i}`);
    let files = [];
    const label = (what) => `${each.name} with ${way}: ${what}`;
    const cell = async (what, action) => {
      const mark = await attempt(label(what), action);
      row[what] = row[what] === undefined || row[what] === mark ? mark : 'FAIL';
    };
    await cell('install', () => {
      files = makeProject(folder, [each], way, env);
      if (files.length === 0) throw new Error('its README shows no example');
      const twice = installedTwice(folder, env);
      if (twice.length > 0) throw new Error(twice.join('\n'));
    });
    if (row.install === 'FAIL') continue;
    await cell('types', () =>
      typeCheck(folder, { module: 'nodenext', moduleResolution: 'nodenext' }),
    );
    await cell('node', () => runExamples(folder, files));
    await cell('browser', async () => {
      if (!each.nodeOnly) return bundleExamples(folder, files);
      await refusesBrowser(folder, each.name);
      return 'refused';
    });
  }
  rows.push(row);
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
  copyCheckout(copy, registry.env);
  say('copied and installed');
  release(copy, registry.env);
  const published = findPackages(copy);
  say(`published ${published.length} packages`);
  const packages = published.filter(({ folder }) => chosen.length === 0 || chosen.includes(folder));
  if (packages.length === 0) throw new Error(`no package ${chosen.join(', ')}`);
  for (const each of packages) {
    await tryPackage(each, registry.env);
    say(`${each.name}`);
    if (each.folder !== 'multipliers') continue;
    say(await attempt('a folded model', () => foldedElsewhere(work, each, registry.env)));
  }
  const ranges =
    chosen.length > 0
      ? 'not tried'
      : await attempt('the second release', () => secondRelease(registry.env));
  say(`second release, ranges and peers: ${ranges}`);
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
