/** A browser on this machine, and a server for the pages that it opens. */
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

/** Both isolate the page, without which a browser shares no memory between threads. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
/** No unsafe-eval. tfjs starts its threads from blobs. */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; img-src data:";
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // webgl and webgpu in software, which needs no graphics card.
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/**
 * Serves a folder on loopback, under a strict policy.
 *
 * @param {string} root
 * @param {{ isIsolated?: boolean, policy?: string | null, port?: number }} options without isolation there are no
 *   threads; port 0 is any that is free
 */
export function serve(root, { isIsolated = true, policy = POLICY, port = 0 } = {}) {
  const headers = {
    'Cache-Control': 'no-store',
    ...(policy && { 'Content-Security-Policy': policy }),
    ...(isIsolated && ISOLATION),
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const page = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    const file = join(root, normalize(decodeURIComponent(page)));
    if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { ...headers, 'Content-Type': type });
    return createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

/** CHROMIUM is the browser's path, by default Debian's. */
const OPTIONS = { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS };

export const launch = () => chromium.launch(OPTIONS);

/**
 * A browser with a profile of its own, whose quota and settings can be changed, as those of `launch` cannot. Its context
 * closes it.
 *
 * @param {object} preferences as in the profile's file `Preferences`
 */
export function launchProfile(preferences = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  mkdirSync(join(profile, 'Default'));
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = chromium.launchPersistentContext(profile, { ...OPTIONS, acceptDownloads: true });
  return context.then((opened) => {
    // Chromium writes on for a moment after it has closed; a folder that stays in /tmp fails no test.
    opened.on('close', () =>
      rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }).catch(
        () => {},
      ),
    );
    return opened;
  });
}
