#!/usr/bin/env node
/** The command line: `npx @tfjs-lrm/native link | unlink | doctor`. */
import { parseArgs } from 'node:util';
import { NativeError } from './errors.ts';
import { link, unlink } from './link.ts';
import { NEWEST, wheelFor } from './pins.ts';
import { fetchTensorFlow, installedTensorFlow } from './tensorflow.ts';
import { installedTfjsNode, type TfjsNode } from './tfjs-node.ts';

const HELP = `npx @tfjs-lrm/native <command>

  link      links the installed @tensorflow/tfjs-node or -gpu to a current TensorFlow
    --tensorflow VERSION  the version to fetch from PyPI (default ${NEWEST})
    --python PATH         use the TensorFlow that is installed in this Python, and fetch nothing
  unlink    puts back what was there before`;

const log = (line: string): void => console.log(line);

/** Every tfjs-node that the project in the current folder has. */
function tfjsNodes(): TfjsNode[] {
  const found = installedTfjsNode([process.cwd(), import.meta.dirname]);
  if (found.length > 0) return found;
  throw new NativeError(
    `native: neither @tensorflow/tfjs-node nor -gpu is installed in ${process.cwd()}. ` +
      'Try npm install --ignore-scripts @tensorflow/tfjs-node',
  );
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tensorflow: { type: 'string' },
      python: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command] = positionals;
  if (values.help || command === undefined) {
    log(HELP);
  } else if (command === 'link') {
    const nodes = tfjsNodes();
    const tensorflow = values.python
      ? installedTensorFlow(values.python)
      : fetchTensorFlow(
          wheelFor(values.tensorflow ?? NEWEST, `${process.platform}-${process.arch}`),
          log,
        );
    for (const tfjsNode of nodes) link(tfjsNode, tensorflow, log);
  } else if (command === 'unlink') {
    for (const tfjsNode of tfjsNodes()) unlink(tfjsNode, log);
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
