/**
 * The exports of each package as of its last release, in `api/<package>.txt`. `--write` records them, as part of
 * `npm run release:version`; without it, a difference needs a changeset: any for what is new, and one that says
 * "minor" (before 1.0) or "major" for what is gone.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPackages, root } from './workspace.js';

const UNRELEASED = '0.0.0';
const BUMPS = ['patch', 'minor', 'major'];

const fileOf = ({ folder }) => join(root, 'api', `${folder}.txt`);

/** Names that an entry exports, types too; an entry only re-exports, by name. */
function exportsOfEntry({ name, directory }, entry) {
  const text = readFileSync(join(directory, 'src', entry), 'utf8');
  if (/export \*/.test(text)) throw new Error(`${name}: its ${entry} must export by name`);
  return [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
    .flatMap(([, names]) => names.split(','))
    .map((each) =>
      each
        .trim()
        .replace(/^type /, '')
        .replace(/^.* as /, ''),
    )
    .filter(Boolean)
    .toSorted();
}

/** The names of the main entry, then those of the kit for authors of packages, where there is one. */
function exportsOf(each) {
  const kit = existsSync(join(each.directory, 'src', 'kit.ts'))
    ? exportsOfEntry(each, 'kit.ts').map((name) => `kit/${name}`)
    : [];
  return [...exportsOfEntry(each, 'index.ts'), ...kit];
}

/** The largest bump of each package that waits in `.changeset`. */
function pendingBumps() {
  const folder = join(root, '.changeset');
  const bumps = new Map();
  for (const file of readdirSync(folder).filter((each) => each.endsWith('.md'))) {
    const [, header = ''] = readFileSync(join(folder, file), 'utf8').split(/^---$/m);
    for (const [, name, bump] of header.matchAll(/^['"]?([^'":]+)['"]?: *(\w+)/gm)) {
      const size = BUMPS.indexOf(bump);
      bumps.set(name, Math.max(size, bumps.get(name) ?? -1));
    }
  }
  return bumps;
}

function differences(each, bumps) {
  const { name, manifest } = each;
  if (manifest.version === UNRELEASED) return [];
  if (!existsSync(fileOf(each))) {
    return [
      `${name}: api/${each.folder}.txt is missing. Write it at the release that it belongs to: node scripts/api.js --write`,
    ];
  }
  const now = exportsOf(each);
  const then = readFileSync(fileOf(each), 'utf8').trim().split('\n');
  const gone = then.filter((one) => !now.includes(one));
  const added = now.filter((one) => !then.includes(one));
  const breaking = manifest.version.startsWith('0.') ? 'minor' : 'major';
  const bump = bumps.get(name) ?? -1;
  return [
    ...(bump < BUMPS.indexOf(breaking) ? gone : []).map(
      (one) =>
        `${name}: "${one}" is exported no more since ${manifest.version}, and no changeset says "${breaking}"`,
    ),
    ...(bump < 0 ? added : []).map(
      (one) => `${name}: "${one}" is exported anew, and there is no changeset`,
    ),
  ];
}

const packages = findPackages();
if (process.argv.includes('--write')) {
  mkdirSync(join(root, 'api'), { recursive: true });
  for (const each of packages) writeFileSync(fileOf(each), `${exportsOf(each).join('\n')}\n`);
} else {
  const bumps = pendingBumps();
  const problems = packages.flatMap((each) => differences(each, bumps));
  if (problems.length > 0) {
    console.error(`${problems.join('.\n')}.\nAdd a changeset: npx changeset`);
    process.exit(1);
  }
  console.log(
    `${packages.length} packages export what their last release did, or a changeset says so`,
  );
}
