/**
 * The wasm modules of `kernels`, compiled from C with the clang and lld of Debian, as base64 in a TypeScript file. Compares
 * the file with a new build, or writes it with `--write`. Without that very compiler (apt-get install clang-19 lld-19,
 * on Debian 12) nothing is compared, and a note says so.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './workspace.js';

const folderOf = join(root, 'packages/kernels/src');
// What the pass does to the addresses of the innermost loop costs registers, and so half of the speed.
const AS_WRITTEN = ['-mllvm', '-disable-lsr'];
const SIMD = ['simd', 'With SIMD.', ['-msimd128', ...AS_WRITTEN]];
const RELAXED = [
  'relaxedSimd',
  'With relaxed SIMD.',
  ['-msimd128', '-mrelaxed-simd', '-DRELAXED', ...AS_WRITTEN],
];
/** The sources, and of each variant the name of the export, what it is, and the options of clang. */
const MODULES = [
  ['wasm-products', [SIMD, RELAXED]],
  // Its loops are bound by memory, so the smaller code is as fast.
  ['wasm-passes', [['simd', 'With SIMD.', ['-msimd128', '-O2']]]],
];
const OPTIONS = ['--target=wasm32', '-O3', '-ffp-contract=off', '-ffreestanding', '-fno-builtin'];

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error?.code === 'ENOENT') return undefined;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

const versionOf = (command) => run(command, ['--version'])?.split('\n')[0];

function compile(source, options) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-'));
  try {
    const [object, module] = [join(folder, 'a.o'), join(folder, 'a.wasm')];
    run('clang-19', [...OPTIONS, ...options, '-c', source, '-o', object]);
    checkPure(readFileSync(object), options);
    run('wasm-ld-19', ['--no-entry', '--import-memory', '--strip-all', object, '-o', module]);
    return readFileSync(module);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * A module that works in the memory of another may bring nothing of its own into it: what is compiled and not yet linked
 * needs the memory (and names an empty table), but neither a stack there nor a function from elsewhere. An engine without relaxed SIMD cannot look.
 */
function checkPure(object, options) {
  if (!WebAssembly.validate(object)) return;
  const foreign = WebAssembly.Module.imports(new WebAssembly.Module(object))
    .map(({ name }) => name)
    .filter((name) => name !== '__linear_memory' && name !== '__indirect_function_table');
  if (foreign.length === 0) return;
  throw new Error(
    `wasm: the module (${options.join(' ')}) must work without ${foreign.join(', ')}. Try fewer local arrays.`,
  );
}

const compilers = [versionOf('clang-19'), versionOf('wasm-ld-19')];
const isMissing = compilers.includes(undefined);
const compiler = compilers.join(', ');

/** Writes what a source compiles to, or compares; whether they are the same. */
function check([name, variants]) {
  const target = join(folderOf, `${name}-code.ts`);
  const written = readFileSync(target, { encoding: 'utf8', flag: 'a+' });
  if (!isWriting && (isMissing || !written.includes(compiler))) {
    const [, wanted] = written.match(/^ \* (.*clang version.*)\.$/m) ?? [];
    const here = isMissing ? 'are not here' : `are not here, but ${compiler}`;
    console.log(`note: wasm: ${name} not compared with a new build: ${wanted} ${here}`);
    return true;
  }
  const constants = variants.map(([constant, text, options]) => {
    const code = compile(join(folderOf, `${name}.c`), options).toString('base64');
    return `\n/** ${text} */\nexport const ${constant}: string =\n  '${code}';\n`;
  });
  const text = `/**
 * What \`npm run wasm:build\` made of ${name}.c, in base64, by
 * ${compiler}.
 */
${constants.join('')}`;
  if (isWriting) {
    writeFileSync(target, text);
  } else if (text !== written) {
    console.error(
      `wasm: ${name}-code.ts must be what ${name}.c compiles to. Received another. Try npm run wasm:build.`,
    );
    return false;
  }
  console.log(`wasm: ${target} is what ${compiler} makes of the source`);
  return true;
}

const isWriting = process.argv.includes('--write');
if (isWriting && isMissing) {
  console.error('wasm: clang-19 and lld-19 must be there. Try apt-get install clang-19 lld-19.');
  process.exit(1);
}
if (MODULES.map(check).includes(false)) process.exit(1);
