/** The backends of tfjs, and whether this machine has them. */
import { existsSync } from 'node:fs';
import { isLinked } from '@tfjs-lrm/native/linked';

const OF_NODE = ['cpu', 'wasm', 'tensorflow'] as const;
const OF_BROWSERS = ['webgl', 'webgpu'] as const;
export const BACKENDS: readonly Backend[] = [...OF_NODE, ...OF_BROWSERS];
export type Backend = (typeof OF_NODE)[number] | (typeof OF_BROWSERS)[number];

export const isOfBrowser = (backend: Backend): boolean =>
  (OF_BROWSERS as readonly Backend[]).includes(backend);

/** How to get a backend that is not here; null where it is. */
export function whatIsMissing(backend: Backend): string | null {
  const browser = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  if (isOfBrowser(backend))
    return existsSync(browser) ? null : `there is no ${browser}: set CHROMIUM to a browser's path`;
  return backend !== 'tensorflow' || isLinked() ? null : 'npm run native:link';
}
