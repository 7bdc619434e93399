/** Lists what is installed and what is missing, with the command that fixes it. */
import { existsSync } from 'node:fs';
import { findCompiler } from './compiler.ts';
import { cached, cacheFolder, checkDisk } from './fetch.ts';
import { checkSystem, freeMegabytes, glibcVersion } from './machine.ts';
import { buildFor, NEWEST } from './pins.ts';
import { checkPip, findPython } from './python.ts';
import { run } from './run.ts';
import { cudaFolders } from './tensorflow.ts';
import { installedTfjsNode, readLink, type TfjsNode } from './tfjs-node.ts';

/** One line of the doctor. */
export interface Finding {
  readonly name: string;
  /** Whether the link, or the linked addon, cannot work. */
  readonly problem: boolean;
  readonly detail: string;
}

/** `detail` returns what is installed, or throws an error that names what is missing. */
function finding(name: string, detail: () => string): Finding {
  try {
    return { name, problem: false, detail: detail() };
  } catch (error) {
    return { name, problem: true, detail: (error as Error).message.replace(/^native: /, '') };
  }
}

function fail(message: string): never {
  throw new Error(message);
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

/** @throws Error when this tfjs-node is not one that the link knows */
export function checkVersion({ name, version }: TfjsNode): string {
  if (/^4\.(2[2-9]|[3-9]\d)\./.test(version)) return version;
  return fail(
    `4.22 or newer is needed, and not 5. Received ${version}. ` +
      `Try npm install --ignore-scripts ${name}@4.22.0`,
  );
}

/** What a tfjs-node is linked to. */
export function describeLink({ binding }: TfjsNode): string {
  const link = readLink(binding);
  if (link === null) {
    return fail(
      `it is ${existsSync(binding) ? 'on the TensorFlow 2.9.1 that it came with' : 'not linked'}. ` +
        'Try npx @tfjs-lrm/native link',
    );
  }
  if (existsSync(link.libraries)) return `TensorFlow ${link.tensorflow} in ${link.libraries}`;
  return fail(`its TensorFlow, ${link.libraries}, is gone. Try npx @tfjs-lrm/native link`);
}

function describeSystem(): string {
  checkSystem();
  const libc = process.platform === 'linux' ? `, GNU libc ${glibcVersion()}` : '';
  return `${process.platform} ${process.arch}${libc}, Node ${process.version}`;
}

/** @throws Error when TensorFlow would find no GPU here */
export function describeGpu(libraries: readonly string[]): string {
  const driver = run('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader']);
  if (!driver.ok) {
    return fail(
      'nvidia-smi does not answer, so no NVIDIA driver is running. ' +
        'Try sudo apt-get install nvidia-driver-570 (525 or newer), or start the container with --gpus all.',
    );
  }
  const isThere = libraries.some((folder) => cudaFolders(folder).length > 0);
  if (isThere || run('ldconfig', ['-p']).output.includes('libcudnn.so.9')) return driver.output;
  return fail(
    `${firstLine(driver.output)}, but no CUDA 12 libraries with cuDNN 9 for it. ` +
      'Try npx @tfjs-lrm/native link --gpu',
  );
}

/** Everything that the link needs, in the order in which it needs it. */
export function diagnose(gpu: boolean): Finding[] {
  const nodes = installedTfjsNode([process.cwd(), import.meta.dirname]);
  const isGpu = gpu || nodes.some(({ name }) => name.endsWith('-gpu'));
  const build = () => buildFor(NEWEST, `${process.platform}-${process.arch}${isGpu ? '-gpu' : ''}`);
  const findings = [
    finding('system', describeSystem),
    ...(nodes.length > 0
      ? nodes.map((each) => finding(each.name, () => checkVersion(each)))
      : [
          finding('tfjs-node', () =>
            fail('not installed here. Try npm install --ignore-scripts @tensorflow/tfjs-node'),
          ),
        ]),
    finding('compiler', () => firstLine(run(findCompiler(), ['--version']).output)),
    finding('python', () => run(findPython(), ['--version']).output),
    finding('pip', () => {
      checkPip(findPython());
      return firstLine(run(findPython(), ['-m', 'pip', '--version']).output);
    }),
    finding('wheel', () => {
      const { wheels, size } = build();
      const state = cached(build()).isComplete ? 'in the cache' : `${size.download} MB to fetch`;
      return `${wheels[0]?.name} ${wheels[0]?.version}, ${state}`;
    }),
    finding('disk', () => {
      if (!cached(build()).isComplete) checkDisk(build());
      return `${Math.floor(freeMegabytes(cacheFolder()))} MB free for ${cacheFolder()}`;
    }),
    ...nodes.map((each) => finding(`${each.name}'s link`, () => describeLink(each))),
  ];
  const linked = nodes.flatMap(({ binding }) => readLink(binding)?.libraries ?? []);
  if (isGpu) findings.push(finding('gpu', () => describeGpu(linked)));
  if (process.platform === 'darwin') {
    findings.push({
      name: 'macOS',
      problem: false,
      detail: 'Apple silicon only, on its CPU: TensorFlow has no wheels for Intel Macs since 2.17',
    });
  }
  return findings;
}
