/**
 * `npm run web`: builds the site, and serves it on loopback with the headers that threads need. PORT is the port, by
 * default 5173.
 */
import { fileURLToPath } from 'node:url';
import { serve } from '@tfjs-lrm/browser-tests/chromium';
import { build } from 'vite';

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));

await build({ configFile: here('vite.config.js') });
const server = await serve(here('dist'), { port: Number(process.env.PORT ?? 5173) });
console.log(`http://127.0.0.1:${server.address().port}/`);
