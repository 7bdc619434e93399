/** That nothing is lost: over pauses, closed tabs, crashes, hidden tabs, full and denied storage, and between two tabs. */
import { launchProfile } from '@tfjs-lrm/browser-tests/chromium';
import {
  download,
  finished,
  metrics,
  notices,
  openApp,
  openPage,
  pause,
  reached,
  start,
  stopped,
} from '../page.js';
import { close, inNode, lossDifference, STEPS, wholeRun } from './common.js';

const LINK = (steps) => `steps=${steps}&backend=wasm&threads=1`;

/** Waits until the page has nothing to say. */
const quiet = (page) =>
  page.waitForFunction(() => document.querySelector('#notices').textContent === '', undefined, {
    timeout: 60_000,
  });

export const KEEPING = {
  resume: async ({ browser, isolated, plain, check, note }) => {
    const app = await openApp(browser, isolated, LINK(STEPS));
    const { page } = app;
    await start(page);
    await reached(page, 10);
    await pause(page);
    note(await page.textContent('#numbers-0'));
    await page.fill('#prompt', 'The whale ');
    await page.click('#write');
    await page.waitForFunction(() => document.querySelector('#text-1').textContent.length > 200);
    await page.reload();
    await page.waitForSelector('body[data-phase="paused"]');
    check(
      'after a reload the page has the steps',
      /step \d\d/.test(await page.textContent('#numbers-0')),
    );
    await start(page);
    await reached(page, 30);
    // Without a pause: the tab just closes, in the middle of a step.
    await page.reload();
    await page.waitForSelector('body[data-phase="paused"]');
    await start(page);
    await finished(page);
    const lines = await metrics(page);
    const { lines: expected } = await inNode();
    const difference = lossDifference(lines, expected);
    note(`differs from Node by ${difference.toExponential(1)}`);
    const uninterrupted = await metrics((await wholeRun(browser, plain)).page);
    check(
      'losses, rates and scales equal those of an uninterrupted run bit for bit',
      JSON.stringify(lines) === JSON.stringify(uninterrupted),
    );
    check('every step is there once', lines.length === 2 * STEPS);
    await page.reload();
    await page.waitForSelector('body[data-phase="finished"]');
    check(
      'a finished run comes back as it was',
      JSON.stringify(await metrics(page)) === JSON.stringify(lines),
    );
    const report = (await download(page, '#report')).toString('utf8');
    check(
      'the report is that of the demo',
      report.includes('Language models with and without learnable multipliers'),
    );
    await close(app, isolated, check);
  },

  'storage-denied': async ({ isolated, check, note }) => {
    // Cookies are blocked in the settings, and with them everything that a page can keep.
    const blocked = { profile: { default_content_setting_values: { cookies: 2 } } };
    const app = await openPage(await launchProfile(blocked), isolated, LINK(20));
    await start(app.page);
    await finished(app.page);
    note(await notices(app.page));
    check('it says so', (await notices(app.page)).includes('keep nothing'));
    check('and trains to the end', (await metrics(app.page)).length === 40);
    await close(app, isolated, check);
  },

  'storage-full': async ({ isolated, check, note }) => {
    const profile = await launchProfile();
    const session = await profile.newCDPSession(profile.pages()[0]);
    // Room for a checkpoint of one model (1.4 MB) and one of both, and no third. Set before the page opens, since a
    // browser remembers for a while how much room there is.
    await session.send('Storage.overrideQuotaForOrigin', { origin: isolated, quotaSize: 6e6 });
    const app = await openPage(profile, isolated, LINK(300));
    const { page } = app;
    await start(page);
    await reached(page, 10);
    await pause(page);
    check('with room for it, nothing is said', (await notices(page)) === '');
    const kept = await metrics(page);
    await start(page);
    await finished(page);
    await page.waitForFunction(
      () => document.querySelector('#notices').textContent !== '',
      undefined,
      { timeout: 20_000 },
    );
    note(await notices(page));
    check('it says so', (await notices(page)).includes('no room left'));
    check('and trains to the end', (await metrics(page)).length === 600);
    await page.reload();
    await page.waitForSelector('body[data-phase="paused"]');
    const after = await metrics(page);
    note(`${kept.length} steps were kept, ${after.length} came back`);
    check('what was kept before is still there', after.length === kept.length);
    await close(app, isolated, check);
  },

  'two-tabs': async ({ browser, isolated, check, note }) => {
    const first = await openApp(browser, isolated, LINK(300));
    await start(first.page);
    await reached(first.page, 10);
    await pause(first.page);
    const before = await metrics(first.page);
    const second = await openPage(first.context, isolated);
    note(await notices(second.page));
    check('the second says who saves', (await notices(second.page)).includes('in another tab'));
    check('and shows what the first saved', (await metrics(second.page)).length === before.length);
    await start(second.page);
    await reached(second.page, 30);
    await pause(second.page);
    await first.page.close();
    await quiet(second.page);
    check('when the first is closed, the second saves', true);
    const lines = await metrics(second.page);
    const third = await openPage(first.context, isolated);
    check('and a third says so', (await notices(third.page)).includes('in another tab'));
    await second.page.close();
    await quiet(third.page);
    check(
      'when the second is closed, the third shows what that saved',
      JSON.stringify(await metrics(third.page)) === JSON.stringify(lines),
    );
    first.errors.push(...second.errors, ...third.errors);
    await close(first, isolated, check);
  },

  crash: async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, `steps=${STEPS}&backend=wasm&threads=1`);
    const { page } = app;
    await start(page);
    await reached(page, 20);
    // The first is the one that stores.
    const [storage, worker] = page.workers();
    await storage.evaluate(() => {
      setTimeout(() => {
        throw new Error('out of memory');
      });
    });
    await worker.evaluate(() => {
      setTimeout(() => {
        throw new Error('out of memory');
      });
    });
    await stopped(page);
    note(await notices(page));
    check('it says so', (await notices(page)).includes('stopped: Uncaught Error: out of memory'));
    await page.click('#notices button');
    await finished(page);
    const difference = lossDifference(await metrics(page), (await inNode()).lines);
    check(`it goes on to the same losses: ${difference.toExponential(1)}`, difference <= 1e-4);
    app.errors.length = 0; // its own
    await close(app, isolated, check);
  },

  hidden: async ({ browser, isolated, check }) => {
    const app = await openApp(browser, isolated, LINK(STEPS));
    const session = await app.context.newCDPSession(app.page);
    await start(app.page);
    await reached(app.page, 10);
    // Nothing is drawn for a while, as behind another tab, and then nothing runs.
    await app.page.evaluate(() => {
      globalThis.nextFrame = globalThis.requestAnimationFrame;
      globalThis.waitingFrames = [];
      globalThis.requestAnimationFrame = (draw) => globalThis.waitingFrames.push(draw);
    });
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await app.page.evaluate(() => {
      globalThis.requestAnimationFrame = globalThis.nextFrame;
      for (const draw of globalThis.waitingFrames) requestAnimationFrame(draw);
    });
    await finished(app.page);
    check('hidden for a minute: no notice', (await notices(app.page)) === '');
    const difference = lossDifference(await metrics(app.page), (await inNode()).lines);
    check(`and the same losses: ${difference.toExponential(1)}`, difference <= 1e-4);
    await reached(app.page, STEPS);
    check('and all is drawn', true);
    await close(app, isolated, check);
  },
};
