/**
 * What programs write stays out of git: no tracked file is one that .gitignore names, or of a kind that it should name,
 * or so large that a program must have written it.
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspace.js';

/** Kinds of files that editors, profilers, compilers and package managers leave behind. */
const LEFT_BEHIND =
  /\.(cpuprofile|heapprofile|heapsnapshot|tsbuildinfo|log|tgz|orig|rej|swp|pyc|node|so|zip)$|(^|\/)(\.DS_Store|core\.\d+|nohup\.out|isolate-.*)$/;

const MOST_BYTES = 200_000;
const MAY_BE_LARGE = /^(package-lock\.json$|fixtures\/)/;
/** Archives are fixtures where they are what a test reads. */
const FIXTURE = /^fixtures\/.*\.zip$/;

const list = (...args) =>
  execFileSync('git', ['ls-files', '-z', ...args], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter(Boolean);

const tracked = list();
const ignored = new Set(list('--cached', '--ignored', '--exclude-standard'));
const problems = tracked.flatMap((path) => {
  if (ignored.has(path)) return [`${path} is tracked, and .gitignore names it`];
  if (LEFT_BEHIND.test(path) && !FIXTURE.test(path))
    return [`${path} is tracked, and .gitignore should name its kind`];
  // A file that is deleted and not yet committed has no size.
  const { size } = statSync(join(root, path), { throwIfNoEntry: false }) ?? { size: 0 };
  return size > MOST_BYTES && !MAY_BE_LARGE.test(path)
    ? [`${path} is tracked and has ${size} bytes, more than ${MOST_BYTES}: did a program write it?`]
    : [];
});
if (problems.length > 0) {
  console.error(`files: ${problems.join('\nfiles: ')}\nTake it out of git: git rm --cached PATH`);
  process.exit(1);
}
console.log(`${tracked.length} tracked files, none of which a program wrote by the way`);
