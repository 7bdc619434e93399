#!/usr/bin/env node
/** The command line: `npx @tfjs-lrm/native link | unlink | doctor`. */
import { parseArgs } from 'node:util';
import { diagnose } from './doctor.ts';
import { NativeError } from './errors.ts';
import { fetchTensorFlow } from './fetch.ts';
import { link, unlink } from './link.ts';
import { checkSystem } from './machine.ts';
import { buildFor, NEWEST } from './pins.ts';
import { installedTensorFlow, type TensorFlow } from './tensorflow.ts';
import { installedTfjsNode, type TfjsNode } from './tfjs-node.ts';

const HELP = `npx @tfjs-lrm/native <command>

  link      links the installed @tensorflow/tfjs-node or -gpu to a current TensorFlow
    --tensorflow VERSION  the version to fetch from PyPI (default ${NEWEST})
    --python PATH         use the TensorFlow that is installed in this Python, and fetch nothing
    --gpu                 fetch the build for NVIDIA GPUs, with its CUDA libraries (Linux x64)
  doctor    lists what is installed and what is missing, with the command that fixes it (--gpu: for a GPU)
  unlink    restores the addon that was there before`;

const log = (line: string): void => console.log(line);

/** Every tfjs-node that the project in the current folder has. */
function tfjsNodes(): TfjsNode[] {
  const installed = installedTfjsNode([process.cwd(), import.meta.dirname]);
  if (installed.length > 0) return installed;
  throw new NativeError(
    `native: neither @tensorflow/tfjs-node nor -gpu is installed in ${process.cwd()}. ` +
      'Try npm install --ignore-scripts @tensorflow/tfjs-node',
  );
}

function tensorFlowFor(options: {
  tensorflow?: string | undefined;
  python?: string | undefined;
  gpu?: boolean | undefined;
}): TensorFlow {
  const { tensorflow = NEWEST, python, gpu } = options;
  if (python === undefined) {
    const platform = `${process.platform}-${process.arch}${gpu ? '-gpu' : ''}`;
    return fetchTensorFlow(buildFor(tensorflow, platform), log);
  }
  if (options.tensorflow !== undefined || gpu) {
    throw new NativeError(
      'native: --python takes the TensorFlow that is installed there. Try it without --tensorflow and --gpu.',
    );
  }
  return installedTensorFlow(python);
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tensorflow: { type: 'string' },
      python: { type: 'string' },
      gpu: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command] = positionals;
  if (values.help || command === undefined) {
    log(HELP);
  } else if (command === 'link') {
    checkSystem();
    const nodes = tfjsNodes();
    const tensorflow = tensorFlowFor(values);
    for (const tfjsNode of nodes) link(tfjsNode, tensorflow, log);
  } else if (command === 'unlink') {
    for (const tfjsNode of tfjsNodes()) unlink(tfjsNode, log);
  } else if (command === 'doctor') {
    const findings = diagnose(values.gpu ?? false);
    for (const { name, problem, detail } of findings) {
      log(`${problem ? 'FAIL' : 'ok  '} ${name}: ${detail}`);
    }
    if (findings.some(({ problem }) => problem)) process.exitCode = 1;
  } else {
    throw new NativeError(`native: unknown command ${command}. Try link, unlink or doctor.`);
  }
}

try {
  main();
} catch (error) {
  // What parseArgs throws is a mistake on the command line too.
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
