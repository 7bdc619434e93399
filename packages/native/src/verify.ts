/** Tries an addon in a process of its own before it is put in place. */
import { fileURLToPath } from 'node:url';
import { NativeError } from './errors.ts';
import { run } from './run.ts';
import type { TfjsNode } from './tfjs-node.ts';

const check = fileURLToPath(new URL('../binding/check.cjs', import.meta.url));

/** @throws NativeError with the process's output when something is wrong */
export function verifyAddon(tfjsNode: TfjsNode, addon: string): void {
  const result = run(process.execPath, [check, tfjsNode.folder, addon], {
    env: { TF_CPP_MIN_LOG_LEVEL: '0' },
  });
  if (result.ok) return;
  throw new NativeError(
    `native: the new addon of ${tfjsNode.name} does not work, so the former state was kept:\n` +
      `${result.output || 'the process printed nothing'}\nTry npx @tfjs-lrm/native doctor.`,
  );
}
