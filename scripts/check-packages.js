/**
 * What each published package must be: tfjs as a peer, no package's inside used by another, a budget of size, and a
 * tarball that holds what its users need and nothing else. Reads `dist`, so build first.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPackages, root } from './workspace.js';

const PEER_RANGE = '^4.22.0';
const ENTRIES = '.,./package.json';
const budgets = JSON.parse(readFileSync(join(root, '.size-limit.json'), 'utf8'));

function manifestProblems({ manifest, nodeOnly }) {
  const problems = [];
  for (const [name, range] of Object.entries(manifest.peerDependencies ?? {})) {
    if (name.startsWith('@tensorflow/') && range !== PEER_RANGE) {
      problems.push(`the peer ${name} must be "${PEER_RANGE}", and is "${range}"`);
    }
  }
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    if (name.startsWith('@tensorflow/')) {
      problems.push(
        `${name} is a dependency: a second copy of tfjs has its own variables and kernels. Make it a peer`,
      );
    }
  }
  const more = [
    // What must be had without loading the rest: a package for Node alone may not load at all.
    ...(nodeOnly ? ['./linked', './local'] : []),
    // Helpers for the authors of packages, which users never see.
    './kit',
    // What needs Node, in a package that also runs in a browser, where this entry refuses by name.
    ...('browser' in (manifest.exports['./node'] ?? {}) ? ['./node'] : []),
  ];
  const entries = Object.keys(manifest.exports).filter((each) => !more.includes(each));
  if (entries.toString() !== ENTRIES) {
    problems.push(`exports must be "." and "./package.json", one entry that is public`);
  }
  if (!budgets.some(({ name }) => name === manifest.name)) {
    problems.push('has no budget in .size-limit.json: its size now plus 10 %');
  }
  return problems;
}

const DEEP = [
  [/^@tfjs-lrm\/[^/]+\/(?!(kit|node)$).+/, 'the inside of another package'],
  [/^(\.\.\/){2,}/, 'a file outside its package'],
  [/^@tensorflow\/tfjs(-[a-z]+)*\/.+/, 'the inside of tfjs'],
  [/^@tensorflow\/tfjs$/, 'the union package, of which users may have only the parts'],
];

function importProblems({ directory }) {
  const files = readdirSync(join(directory, 'src'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => {
      const code = readFileSync(join(directory, 'src', file), 'utf8').replace(/^\s*\*.*$/gm, '');
      const imports = [...code.matchAll(/(?:\bfrom|\bimport)[\s(]*'([^']+)'/g)];
      return imports.flatMap(([, from]) => {
        const deep = DEEP.find(([pattern]) => pattern.test(from));
        return deep === undefined ? [] : [`src/${file} imports '${from}': ${deep[1]}`];
      });
    });
}

/** In code, not in comments; a type that is `any` switches the checks of its users off. */
const ANY = /(?<![\w$.'"-])any(?![\w$'"-])/;

function typeProblems({ directory }) {
  const files = readdirSync(join(directory, 'dist'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.d.ts'))
    .filter((file) => {
      const text = readFileSync(join(directory, 'dist', file), 'utf8');
      return ANY.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'/gm, ''));
    })
    .map((file) => `dist/${file} has an \`any\` among its types: say what it is, or \`unknown\``);
}

function tarballProblems({ directory, manifest }) {
  const [{ files }] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: directory,
      encoding: 'utf8',
    }),
  );
  const paths = new Set(files.map(({ path }) => path));
  const derives = Object.keys(manifest.peerDependencies ?? {}).some((name) =>
    name.startsWith('@tensorflow/'),
  );
  const needed = ['LICENSE', 'README.md', ...(derives ? ['NOTICE'] : [])];
  const sideEffects = Array.isArray(manifest.sideEffects) ? manifest.sideEffects : [];
  const problems = [
    ...needed.filter((path) => !paths.has(path)).map((path) => `the tarball lacks ${path}`),
    ...[...paths]
      .filter((path) => /\.test\.|\.tsbuildinfo$|^(test|bench|node_modules)\//.test(path))
      .map((path) => `the tarball holds ${path}, which no user needs`),
    ...sideEffects
      .filter((path) => !/[*]/.test(path) && !paths.has(path.replace(/^\.\//, '')))
      .map((path) => `sideEffects names ${path}, which the tarball lacks`),
  ];
  if (manifest.sideEffects === undefined)
    problems.push('must say its `sideEffects`: false, or which files');
  for (const path of paths) {
    const [, name] = path.match(/^dist\/(.+?)\.(?:d\.ts|js)(?:\.map)?$/) ?? [];
    if (name !== undefined && !existsSync(join(directory, 'src', `${name}.ts`))) {
      problems.push(`the tarball holds ${path}, whose source is gone: delete dist and build again`);
    }
  }
  return problems;
}

const packages = findPackages();
const problems = packages.flatMap((each) =>
  [manifestProblems, importProblems, typeProblems, tarballProblems].flatMap((check) =>
    check(each).map((problem) => `${each.name}: ${problem}.`),
  ),
);
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`${packages.length} packages, each as it must be`);
