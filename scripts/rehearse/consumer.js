/** A user's project, which installs what a README says and runs its examples. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { run } from '../run.js';
import { readPage, root } from '../workspace.js';

export const TFJS = '^4.22.0';

/** What a user may import tfjs as: what it installs, a command that sets it up, and what it writes. */
export const WAYS = {
  '@tensorflow/tfjs': {
    installs: ['@tensorflow/tfjs'],
    imports: "import * as tf from '@tensorflow/tfjs';",
  },
  'tfjs-core + tfjs-layers': {
    installs: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers', '@tensorflow/tfjs-backend-cpu'],
    imports: [
      "import * as tfCore from '@tensorflow/tfjs-core';",
      "import * as tfLayers from '@tensorflow/tfjs-layers';",
      "import '@tensorflow/tfjs-backend-cpu';",
      'const tf = { ...tfCore, ...tfLayers };',
    ].join('\n'),
  },
  'tfjs-node': {
    installs: ['@tensorflow/tfjs-node', '@tfjs-lrm/native'],
    setup: ['@tfjs-lrm/native', 'link'],
    imports: "import '@tfjs-lrm/native';\nimport * as tf from '@tensorflow/tfjs-node';",
    nodeOnly: true,
  },
};

export const COMPILER_OPTIONS = {
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true,
};

/**
 * Clears the folder but for node_modules, from which npm removes what this package does not need, installs, and writes
 * each example as a module of TypeScript.
 */
export function makeProject(folder, packages, way, env) {
  mkdirSync(folder, { recursive: true });
  for (const each of readdirSync(folder)) {
    if (each !== 'node_modules') rmSync(join(folder, each), { recursive: true });
  }
  const pages = packages.map((each) => ({
    ...each,
    ...readPage(join(each.directory, 'README.md')),
  }));
  for (const { name, install } of pages) {
    if (!install.includes(name)) throw new Error(`${name}: its README has no "npm install" of it`);
  }
  const words = [...new Set(pages.flatMap(({ install }) => install))];
  const flags = words.filter((each) => each.startsWith('-'));
  const named = words.filter((each) => !each.startsWith('-'));
  // Whoever imports modules of Node in TypeScript has their types.
  const isForNode = pages.some(({ examples }) => examples.some((code) => /from 'node:/.test(code)));
  const installs = [...named, ...(isForNode ? ['@types/node@20'] : [])]
    .flatMap((each) => (each === '@tensorflow/tfjs' ? WAYS[way].installs : [each]))
    .map((each) => (each.startsWith('@tensorflow/') ? `${each}@${TFJS}` : each));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  run('npm', ['install', ...flags, ...installs], { cwd: folder, env });
  for (const setup of [WAYS[way].setup ?? [], ...pages.map((page) => page.setup)]) {
    if (setup.length > 0) run('npx', ['--no-install', ...setup], { cwd: folder, env });
  }
  return pages.flatMap(({ folder: short, examples }) =>
    examples.map((code, i) => {
      const file = `${short}-${i + 1}.ts`;
      const imports = /import \* as tf from '@tensorflow\/tfjs(-core)?';/;
      const text = named.includes('@tensorflow/tfjs')
        ? code.replace(imports, () => WAYS[way].imports)
        : code;
      // Makes an example without imports a module too.
      writeFileSync(join(folder, file), `${text}\nexport {};\n`);
      return file;
    }),
  );
}

/** Type-checks the project's files with one compiler. */
export function typeCheck(
  folder,
  { compiler = join(root, 'node_modules/typescript'), module, moduleResolution },
) {
  const config = `tsconfig.${moduleResolution}.json`;
  const types = existsSync(join(folder, 'node_modules/@types/node')) ? ['node'] : [];
  const compilerOptions = { ...COMPILER_OPTIONS, types, module, moduleResolution };
  writeFileSync(join(folder, config), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  run('node', [join(compiler, 'bin/tsc'), '-p', config], { cwd: folder });
}

/** Runs each example in Node, compiled to JavaScript. */
export function runExamples(folder, files) {
  const out = join(folder, 'js');
  run(
    'node',
    [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      'tsconfig.nodenext.json',
      '--noEmit',
      'false',
      '--outDir',
      out,
    ],
    { cwd: folder },
  );
  for (const file of files) run('node', [join(out, file.replace(/\.ts$/, '.js'))], { cwd: folder });
}

/** Bundles modules for the browser and returns the bundle's folder. */
async function bundle(folder, input) {
  const outDir = join(folder, 'bundle');
  await build({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    build: { outDir, emptyOutDir: true, target: 'es2022', rolldownOptions: { input } },
  });
  return outDir;
}

export async function bundleExamples(folder, files) {
  await bundle(
    folder,
    files.map((file) => join(folder, file)),
  );
}

/** A package for Node alone must say so, by name, to whoever runs a bundle of it. */
export async function refusesBrowser(folder, name) {
  const entry = join(folder, 'in-browser.js');
  writeFileSync(entry, `import * as all from '${name}';\nglobalThis.used = all;\n`);
  const outDir = await bundle(folder, [entry]);
  const [file] = readdirSync(join(outDir, 'assets'));
  const error = await import(pathToFileURL(join(outDir, 'assets', file)).href).catch((e) => e);
  if (!(error instanceof Error && error.message.includes(name) && /\bNode\b/.test(error.message))) {
    throw new Error(`${name} in a browser: expected an error that names it and Node`);
  }
}

/** Versions of our packages and of tfjs-core that npm installed; more than one of a name is a mistake. */
export function installedTwice(folder, env) {
  const installed = new Map();
  const visit = ({ dependencies = {} }) => {
    for (const [name, each] of Object.entries(dependencies)) {
      if (each.version !== undefined) {
        installed.set(name, (installed.get(name) ?? new Set()).add(each.version));
      }
      visit(each);
    }
  };
  visit(JSON.parse(run('npm', ['ls', '--all', '--json'], { cwd: folder, env })));
  return [...installed]
    .filter(([name, versions]) => /^@tfjs-lrm\/|tfjs-core$/.test(name) && versions.size > 1)
    .map(([name, versions]) => `${name} is installed as ${[...versions].join(' and ')}`);
}
