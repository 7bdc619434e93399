/** What it looks like: pictures of it, and barriers that axe-core finds. */
import { finished, openApp, reached, start } from '../page.js';
import { barriers, close } from './common.js';

export const LOOKS = {
  looks: async ({ browser, isolated, picture, check }) => {
    const forms = [
      ['wide', { viewport: { width: 1280, height: 860 } }],
      [
        'phone',
        {
          viewport: { width: 390, height: 844 },

          isMobile: true,
          hasTouch: true,
        },
      ],
      ['dark', { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' }],
    ];
    for (const [name, options] of forms) {
      const app = await openApp(
        browser,
        isolated,
        'steps=120&decay=8&backend=wasm&threads=1',
        options,
      );
      const { page } = app;
      const look = async (moment) => {
        await page.waitForTimeout(1500);
        await page.screenshot({ path: picture(`${name}-${moment}`), fullPage: true });
        const found = await barriers(page);
        check(
          `${name}, ${moment}: no barrier${found.length > 0 ? ` but ${found.join(' | ')}` : ''}`,
          found.length === 0,
        );
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        check(`${name}, ${moment}: nothing sticks out`, wide <= 0);
      };
      await look('beginning');
      await page.evaluate(() => {
        document.querySelector('#settings').open = true;
      });
      await start(page);
      await reached(page, 60);
      await look('middle');
      await finished(page);
      await look('end');
      await close(app, isolated, check);
    }
  },
};
