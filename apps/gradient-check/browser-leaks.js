/** `npm run check:leaks`: no case leaves tensors or memory of the device on webgl and webgpu, with enableTraining(). */
import { fileURLToPath } from 'node:url';
import { launch, serve } from '@tfjs-lrm/browser-tests/chromium';
import { build } from 'vite';

/** Cases whose name begins with it. */
const only = process.argv[2] ?? '';
const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));

await build({ configFile: here('vite.config.js') });
const server = await serve(here('dist-page'));
const browser = await launch();
try {
  for (const backend of ['webgl', 'webgpu']) {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`http://127.0.0.1:${server.address().port}/index.html`);
    const leaks = await page.evaluate((args) => globalThis.findLeaks(...args), [backend, only]);
    console.log(`${backend}: ${leaks.length} leaks`);
    for (const leak of leaks) console.log(`  ${leak}`);
    if (leaks.length > 0) process.exitCode = 1;
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
}
