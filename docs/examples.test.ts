/**
 * Every example in a README, in a guide and in a doc block runs. An example in a doc block is a fragment: it may use the
 * names that `prelude.ts` makes, and everything that the packages export.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isLinked } from '@tfjs-lrm/native/linked';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const work = join(import.meta.dirname, '.examples');
// The native package, and what is built on it, cannot be imported before the link.
const packages = readdirSync(join(root, 'packages')).filter(
  (name) => !['native', 'distributed'].includes(name) || isLinked(),
);
/** What a fragment may import from: each package, and its kit for authors of packages. */
const entries = packages.flatMap((name) =>
  existsSync(join(root, 'packages', name, 'src', 'kit.ts')) ? [name, `${name}/kit`] : [name],
);

interface Example {
  readonly name: string;
  readonly code: string;
}

/** An example of a doc block, and the package of that. */
interface Fragment extends Example {
  readonly owner: string;
}

/** An example of a page, and what the `npm install` lines above it install. */
interface PageExample extends Example {
  readonly installed: readonly string[];
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/\.(test|bench)\.ts$/.test(path))
    .map((path) => join(folder, path));
}

function inPage(path: string): PageExample[] {
  const page = readFileSync(path, 'utf8');
  const blocks = [...page.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)];
  return blocks.map(({ 1: code, index }, i) => ({
    name: `${relative(root, path)}, example ${i + 1}`,
    code: code as string,
    installed: installedBy(page.slice(0, index)),
  }));
}

const ours = readdirSync(join(root, 'packages')).map((name) => `@tfjs-lrm/${name}`);

/** The packages of all `npm install` lines, all of ours for their tarballs; a backslash continues a line, a # ends it. */
const installedBy = (text: string): string[] =>
  [...text.replaceAll('\\\n', '').matchAll(/^npm install ([^#\n]*)/gm)]
    .flatMap(([, words]) => (words as string).trim().split(/\s+/))
    .flatMap((word) =>
      word.endsWith('tarballs/*.tgz') ? ours : [word.replace(/(?<=.)@[\d^~].*$/, '')],
    );

/** The packages that code imports, but those of Node. */
const importedBy = (code: string): string[] =>
  [...code.matchAll(/^import (?:[\s\S]*? from )?'([^'.][^']*)'/gm)]
    .map(([, from]) => /^(@[^/]+\/)?[^/]+/.exec(from as string)?.[0] as string)
    .filter((name) => !name.startsWith('node:'));

function inDocBlocks(owner: string, path: string): Fragment[] {
  const comments = [...readFileSync(path, 'utf8').matchAll(/\/\*\*[\s\S]*?\*\//g)].map(
    ([comment]) => comment,
  );
  return comments.flatMap((comment) => {
    const [, after] = comment.replace(/\s*\*\/$/, '').split('@example');
    if (after === undefined) return [];
    const lines = after.split('\n').map((line) => line.replace(/^\s*\* ?/, ''));
    const code = lines.join('\n');
    return [{ owner, name: `${relative(root, path)}: ${code.trim().split('\n')[0]}`, code }];
  });
}

const ownLast = (owner: string): string[] => {
  const isOwn = (entry: string): boolean => entry.split('/')[0] === owner;
  return [...entries.filter((entry) => !isOwn(entry)), ...entries.filter(isOwn)];
};

/** Imports come first, the rest runs in a function of its own, with the prelude's names in scope. */
function asModule({ code }: Example, owner: string | null): string {
  const isFragment = owner !== null;
  const imports = [...code.matchAll(/^import [\s\S]*?;$/gm)].map(([statement]) => statement);
  const body = code.replace(/^import [\s\S]*?;$/gm, '');
  const names = [...body.matchAll(/\b[A-Za-z_$][\w$]*\b/g)].map(([name]) => name);
  const bindingOf = (entry: string): string => entry.replaceAll(/\W/g, '_');
  const own = entries.map((entry) => `import * as ${bindingOf(entry)} from '@tfjs-lrm/${entry}';`);
  const prelude = isFragment
    ? [
        `import * as tf from '@tensorflow/tfjs';`,
        `import { prelude } from '../prelude.ts';`,
        ...own,
        // A name that several packages export means the own one's; what the prelude made has the last word: `optimizer`
        // is one, not the function that defines a class of them.
        `const scope = { ${ownLast(owner)
          .map((entry) => `...${bindingOf(entry)}`)
          .join(', ')}, ...await prelude() };`,
      ]
    : [];
  const declared = new Set(
    [...body.matchAll(/\b(?:const|let|class|function)\s+(\w+)/g)].map(([, name]) => name),
  );
  const imported = new Set(
    imports.flatMap((statement) =>
      [...statement.matchAll(/\b[A-Za-z_$][\w$]*\b/g)].map(([name]) => name),
    ),
  );
  const used = [...new Set(names)].filter((name) => !declared.has(name) && !imported.has(name));
  const bindings = isFragment
    ? `const { ${used.filter((name) => PROVIDED.has(name)).join(', ')} } = scope as any;`
    : '';
  return [...prelude, ...imports, 'export default async () => {', bindings, body, '};'].join('\n');
}

const PROVIDED = new Set<string>();

const guides = join(import.meta.dirname, 'guides');
const pages = [
  join(root, 'README.md'),
  ...packages.map((name) => join(root, 'packages', name, 'README.md')),
  join(import.meta.dirname, 'index.md'),
  ...readdirSync(guides).map((name) => join(guides, name)),
];
const pageExamples = pages.flatMap(inPage);
const examples = [
  ...pageExamples.map((example) => ({ ...example, owner: null })),
  ...packages.flatMap((name) =>
    sources(join(root, 'packages', name, 'src')).flatMap((path) => inDocBlocks(name, path)),
  ),
];

describe('examples', () => {
  beforeAll(async () => {
    mkdirSync(work, { recursive: true });
    const { prelude } = await import('./prelude.ts');
    for (const name of Object.keys(await prelude())) PROVIDED.add(name);
    for (const entry of entries)
      for (const exported of Object.keys(await import(/* @vite-ignore */ `@tfjs-lrm/${entry}`)))
        PROVIDED.add(exported);
  });
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  it('are found', () => expect(examples.length).toBeGreaterThan(20));

  it.each(pageExamples)('$name imports what the lines above it install', ({ code, installed }) => {
    expect(importedBy(code).filter((name) => !installed.includes(name))).toEqual([]);
  });

  it.each(examples)('$name runs', { timeout: 240_000 }, async ({ owner, ...example }) => {
    const file = join(work, `${examples.findIndex(({ name }) => name === example.name)}.ts`);
    writeFileSync(file, asModule(example, owner));
    const { default: run } = (await import(/* @vite-ignore */ file)) as {
      default: () => Promise<void>;
    };
    await run();
  });
});
