/** A copy of the checkout in which versions may change, and a release from it. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import semver from 'semver';
import { run } from '../run.js';
import { findPackages, root } from '../workspace.js';

/** What git tracks or would track, with a history of one commit and an installation of its own. */
export function copyCheckout(copy, env) {
  const files = run('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root });
  for (const file of files.split('\0')) {
    if (file === '' || !existsSync(join(root, file))) continue; // deleted, not committed yet
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file), { verbatimSymlinks: true });
  }
  run('git', ['init', '--quiet', '--initial-branch', 'main'], { cwd: copy });
  run('git', ['add', '--all'], { cwd: copy });
  const who = ['-c', 'user.name=rehearsal', '-c', 'user.email=rehearsal@localhost'];
  run('git', [...who, 'commit', '--quiet', '-m', 'As it is'], { cwd: copy });
  run('npm', ['ci'], { cwd: copy, env });
}

/** Versions, builds and publishes by the commands of the release workflow; returns the versions by name. */
export function release(copy, env) {
  run('npm', ['run', 'release:version'], { cwd: copy, env });
  run('npm', ['run', 'release:publish'], { cwd: copy, env });
  return new Map(findPackages(copy).map(({ name, manifest }) => [name, manifest.version]));
}

export function addChangeset(copy, bumps) {
  const lines = Object.entries(bumps).map(([name, bump]) => `"${name}": ${bump}`);
  writeFileSync(
    join(copy, '.changeset', 'rehearsed.md'),
    `---\n${lines.join('\n')}\n---\n\nRehearsed.\n`,
  );
}

/** The two packages that most others depend on, whose bumps have the largest effect. */
export function mostUsed(packages) {
  const uses = (name) =>
    packages.filter(({ manifest }) => manifest.dependencies?.[name] !== undefined).length;
  const [first, second] = packages
    .map(({ name }) => name)
    .toSorted((a, b) => uses(b) - uses(a) || a.localeCompare(b));
  return [first, second];
}

/** Ranges on our own packages, or on peers, that the versions just released do not meet. */
export function rangesBroken(packages, peersBefore) {
  const versions = new Map(packages.map(({ name, manifest }) => [name, manifest.version]));
  return packages.flatMap(({ name, manifest }) => {
    const { dependencies = {}, peerDependencies = {} } = manifest;
    const own = Object.entries({ ...dependencies, ...peerDependencies }).filter(
      ([other, range]) => versions.has(other) && !semver.satisfies(versions.get(other), range),
    );
    const peers = JSON.stringify(peerDependencies) === JSON.stringify(peersBefore.get(name));
    return [
      ...own.map(([other, range]) => `${name} wants ${other} ${range}, not the released one`),
      ...(peers ? [] : [`${name}: the release changed its peers`]),
    ];
  });
}
