/**
 * `npm run check:packed`: installs each package from its packed tarball into scratch projects and runs the
 * examples of its README there, once with `@tensorflow/tfjs` and once with `tfjs-core` and `tfjs-layers`.
 * Takes two minutes; needs the npm registry, and for native what its link needs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'packed-'));
const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8' });

const TFJS = '4.22.0';
/** What stands in for `import * as tf from '@tensorflow/tfjs'`, and what it needs. */
const WAYS = {
  '@tensorflow/tfjs': {
    dependencies: ['@tensorflow/tfjs'],
    imports: "import * as tf from '@tensorflow/tfjs';",
  },
  'tfjs-core + tfjs-layers': {
    dependencies: [
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-layers',
      '@tensorflow/tfjs-backend-cpu',
    ],
    imports: [
      "import * as tfCore from '@tensorflow/tfjs-core';",
      "import * as tfLayers from '@tensorflow/tfjs-layers';",
      "import '@tensorflow/tfjs-backend-cpu';",
      'const tf = { ...tfCore, ...tfLayers };',
    ].join('\n'),
  },
};

function pack(folder) {
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', work], folder),
  );
  return join(work, filename);
}

/** The package and all of ours that it depends on, or that its examples import. */
function ownDependencies(name, manifests, examples) {
  const found = new Set();
  const visit = (each) => {
    if (found.has(each)) return;
    found.add(each);
    for (const dependency of Object.keys(manifests.get(each).dependencies ?? {})) {
      if (manifests.has(dependency)) visit(dependency);
    }
  };
  visit(name);
  for (const [imported] of examples.join('\n').matchAll(/@tfjs-lrm\/[a-z-]+/g)) visit(imported);
  return [...found];
}

function check(name, way, { manifests, tarballs, folders }) {
  const readme = readFileSync(join(folders.get(name), 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  const own = ownDependencies(name, manifests, examples);
  const wasm = /tfjs-backend-wasm/.test(examples.join()) ? ['@tensorflow/tfjs-backend-wasm'] : [];
  const isNative = name === '@tfjs-lrm/native';
  const node = isNative ? ['@tensorflow/tfjs-node'] : [];
  const project = join(work, `${name.replace('@tfjs-lrm/', '')}-${Object.keys(WAYS).indexOf(way)}`);
  mkdirSync(project);
  const dependencies = {
    ...Object.fromEntries(
      [...WAYS[way].dependencies, ...wasm, ...node].map((each) => [each, TFJS]),
    ),
    ...Object.fromEntries(own.map((each) => [each, `file:${tarballs.get(each)}`])),
  };
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ type: 'module', private: true, dependencies }),
  );
  run(
    'npm',
    [
      'install',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '--loglevel=error',
    ],
    project,
  );
  if (isNative) run('npx', ['--no-install', '@tfjs-lrm/native', 'link'], project);
  return examples.map((code, i) => {
    const file = join(project, `example${i}.mjs`);
    writeFileSync(
      file,
      code.replace(/import \* as tf from '@tensorflow\/tfjs(-core)?';/, WAYS[way].imports),
    );
    const { status, stderr } = spawnSync('node', [file], { cwd: project, encoding: 'utf8' });
    return status === 0 ? null : `example ${i + 1}: ${stderr.trim()}`;
  });
}

try {
  const all = readdirSync(join(root, 'packages')).map((folder) => join(root, 'packages', folder));
  const read = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const manifests = new Map(all.map((folder) => [read(folder).name, read(folder)]));
  const folders = new Map(all.map((folder) => [read(folder).name, folder]));
  const tarballs = new Map(all.map((folder) => [read(folder).name, pack(folder)]));
  let failed = false;
  for (const name of manifests.keys()) {
    for (const way of Object.keys(WAYS)) {
      const results = check(name, way, { manifests, tarballs, folders });
      const problems = results.filter((problem) => problem !== null);
      failed ||= problems.length > 0 || results.length === 0;
      console.log(
        `${problems.length === 0 && results.length > 0 ? 'ok  ' : 'FAIL'} ${name} with ${way}: ${results.length} examples`,
      );
      for (const problem of problems) console.error(problem);
    }
  }
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(work, { recursive: true });
}
