/**
 * Every row of docs/traps.md names the tests that show the trap handled, as `path › name`. Fails when one
 * is missing or skipped.
 */
import { existsSync, readFileSync } from 'node:fs';

const traps = readFileSync(new URL('../docs/traps.md', import.meta.url), 'utf8');
const rows = traps.split('\n').filter((line) => /^\| [A-Z]\d+/.test(line));
const problems = rows.flatMap((row) => {
  const id = row.split('|')[1].trim();
  const named = [...row.matchAll(/`([^`]+\.test\.ts) › ([^`]+)`/g)];
  if (named.length === 0) return [`${id}: names no test`];
  return named.flatMap(([, path, name]) => {
    const file = new URL(`../${path}`, import.meta.url);
    if (!existsSync(file)) return [`${id}: there is no file ${path}`];
    const call = readFileSync(file, 'utf8').match(
      new RegExp(
        `\\b(it|test)(\\.[a-zA-Z]+)*(\\([^)]*\\))?\\(\\s*['"\`]${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`,
      ),
    );
    if (call === null) return [`${id}: ${path} has no test "${name}"`];
    return /\.(skip|todo|skipIf)/.test(call[0]) ? [`${id}: "${name}" in ${path} is skipped`] : [];
  });
});
if (rows.length === 0) problems.push('docs/traps.md has no rows');
if (problems.length > 0) {
  console.error(`traps: ${problems.join('\ntraps: ')}`);
  process.exit(1);
}
console.log(`${rows.length} traps, each with its test`);
