/** What `run.js` checks, by name. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { strFromU8, unzipSync } from 'fflate';
import { trainInNode } from './in-node.js';
import {
  download,
  finished,
  metrics,
  notices,
  openApp,
  pause,
  reached,
  start,
  stopped,
} from './page.js';

const STEPS = 60;
const MOST_BYTES = 1.5e6;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let reference = null;
/** The runs in Node, trained once. */
const inNode = () => {
  reference ??= trainInNode(STEPS);
  return reference;
};

/** The largest difference of losses, training and validation, step by step. */
function lossDifference(lines, expected) {
  const key = ({ run, step }) => `${run} ${step}`;
  const others = new Map(expected.map((line) => [key(line), line]));
  const differences = lines.flatMap((line) => {
    const same = others.get(key(line));
    const losses = ['train/loss', 'validation/loss'].filter((name) => name in line);
    return losses.map((name) => Math.abs(line[name] - same[name]));
  });
  return lines.length === expected.length ? Math.max(...differences) : Number.NaN;
}

/** Closes a page, and checks that nothing went wrong unseen and nothing was asked of another origin. */
async function close({ context, errors, requests }, address, check) {
  check(
    `no error was logged${errors.length > 0 ? `: ${errors.join(' | ')}` : ''}`,
    errors.length === 0,
  );
  const abroad = requests.filter((url) => !/^(blob|data):/.test(url) && !url.startsWith(address));
  check(
    `no request left the page’s origin${abroad.length > 0 ? `: ${abroad}` : ''}`,
    abroad.length === 0,
  );
  await context.close();
}

async function barriers(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`,
  );
}

const trainsOnWasm =
  (threads) =>
  async ({ browser, isolated, plain, check, note }) => {
    const address = threads === 1 ? plain : isolated;
    const app = await openApp(browser, address, `steps=${STEPS}&backend=wasm&threads=${threads}`);
    await start(app.page);
    await finished(app.page);
    note(await app.page.textContent('#machine'));
    note(await app.page.textContent('#numbers-1'));
    const difference = lossDifference(await metrics(app.page), (await inNode()).lines);
    check(
      `${STEPS} steps of both: the losses differ from Node’s by ${difference.toExponential(1)}, at most 1e-4`,
      difference <= 1e-4,
    );
    await close(app, address, check);
  };

const trainsOn =
  (backend) =>
  async ({ browser, isolated, check }) => {
    const steps = 20;
    const { lines } = await trainInNode(steps, 'cpu');
    const app = await openApp(browser, isolated, `steps=${steps}&backend=${backend}`);
    await start(app.page);
    await finished(app.page);
    const difference = lossDifference(await metrics(app.page), lines);
    check(
      `${steps} steps of both on ${backend}: the losses differ from cpu’s by ${difference.toExponential(1)}, at most 1e-3`,
      difference <= 1e-3,
    );
    await close(app, isolated, check);
  };

export const CHECKS = {
  'first-load': async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, 'steps=20&backend=wasm');
    const loaded = [...new Set(app.requests)];
    const began = performance.now();
    await start(app.page);
    await app.page.waitForFunction(() => document.querySelector('#numbers-0').textContent !== '');
    const seconds = (performance.now() - began) / 1000;
    const all = [...new Set(app.requests)].filter((url) => url.startsWith(isolated));
    const sizes = await Promise.all(
      all.map(async (url) => {
        const bytes = Buffer.from(await (await fetch(url.split('#')[0])).arrayBuffer());
        return [url, url.endsWith('.woff2') ? bytes.length : gzipSync(bytes).length];
      }),
    );
    const sum = (some) => some.reduce((total, [, size]) => total + size, 0);
    note(`before training ${sum(sizes.filter(([url]) => loaded.includes(url)))} bytes compressed`);
    for (const [url, size] of sizes)
      note(`${String(size).padStart(8)} ${url.slice(isolated.length)}`);
    check(`${sum(sizes)} bytes compressed, at most ${MOST_BYTES}`, sum(sizes) <= MOST_BYTES);
    note(`${seconds.toFixed(1)} s from the button to the report of the first ten steps`);
    await close(app, isolated, check);
  },

  wasm: trainsOnWasm(1),
  'wasm-threads': trainsOnWasm(2),

  resume: async ({ browser, isolated, check, note }) => {
    const link = `steps=${STEPS}&backend=wasm&threads=1`;
    const app = await openApp(browser, isolated, link);
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
    const whole = await openApp(browser, isolated, link);
    await start(whole.page);
    await finished(whole.page);
    const uninterrupted = await metrics(whole.page);
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
    await close(whole, isolated, check);
  },

  'take-home': async ({ browser, isolated, other, check }) => {
    const app = await openApp(browser, isolated, `steps=${STEPS}&backend=wasm&threads=1`);
    await start(app.page);
    await finished(app.page);
    await app.page.reload(); // the model comes from the checkpoint
    const files = unzipSync(await download(app.page, '#model-1'));
    check('the zip has both forms', 'layers/model.json' in files && 'graph/model.json' in files);
    for (const name of ['model.json', 'weights.bin']) other.write(name, files[`graph/${name}`]);
    const { logits, ids } = await inNode();
    const { userDefinedMetadata } = JSON.parse(strFromU8(files['graph/model.json']));
    check('it knows its characters', userDefinedMetadata.vocabulary.length === 83);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(other.address);
    const predicted = await page.evaluate(async (tokens) => {
      const { tf } = globalThis;
      await tf.setBackend('cpu');
      const model = await tf.loadGraphModel('model.json');
      return [...(await model.predict(tf.tensor2d([tokens], undefined, 'int32')).data())];
    }, ids);
    const off = Math.max(...predicted.map((value, i) => Math.abs(value - logits[1][i])));
    check(
      `in an empty page with tfjs alone its outputs differ from those in Node by ${off.toExponential(1)}, at most 1e-3`,
      predicted.length === logits[1].length && off <= 1e-3,
    );
    await context.close();
    await close(app, isolated, check);
  },

  files: async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, 'steps=20&backend=wasm&threads=1');
    const { page } = app;
    await start(page);
    await reached(page, 10);
    await page.evaluate(() => {
      document.querySelector('#settings').open = true;
    });
    await page.selectOption('[name=text]', 'file');
    const give = async (name, buffer) => {
      await page.setInputFiles('#file', { name, mimeType: 'text/plain', buffer });
      await page.waitForSelector('#notices .notice');
      const said = await notices(page);
      note(said);
      return said;
    };
    check('an empty file', (await give('empty.txt', Buffer.alloc(0))).includes('is empty'));
    const noise = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 37) % 256));
    check('bytes that are no text', (await give('noise.bin', noise)).includes('is not UTF-8 text'));
    check(
      'a short text',
      (await give('short.txt', Buffer.from('Call me.'))).includes('650 are needed'),
    );
    await page.evaluate(() => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(50e6)], 'large.txt'));
      const input = document.querySelector('#file');
      input.files = files.files;
      input.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await page.waitForFunction(() =>
      document.querySelector('#notices').textContent.includes('large'),
    );
    check('50 MB', (await notices(page)).includes('has 50 MB, and at most 16 MB'));
    await finished(page);
    check('and training went on to its end', (await metrics(page)).length === 40);
    const hostile = '</script><img src=x onerror=alert(1)>\u202e\u0000\u2028🐋 '.repeat(60);
    await page.setInputFiles('#file', {
      name: '<b>"hostile".txt',
      mimeType: 'text/plain',
      buffer: Buffer.from(hostile),
    });
    await page.waitForFunction(() =>
      document.querySelector('#file-name').textContent.includes('hostile'),
    );
    await start(page);
    await page.waitForSelector('body[data-phase="training"]');
    await finished(page);
    await page.waitForFunction(() => document.querySelector('#text-1').textContent.length > 100);
    check(
      'a hostile text stays text',
      (await page.$$('#text-0 img, #text-1 img, #file-name b')).length === 0,
    );
    const report = (await download(page, '#report')).toString('utf8');
    check('in the report too', !report.includes('<img') && !report.includes('<b>"hostile'));
    await page.reload();
    await page.waitForSelector('body[data-phase="finished"]');
    check('the file comes back with its run', (await page.inputValue('[name=text]')) === 'file');
    await close(app, isolated, check);
  },

  storage: async ({ browser, isolated, check, note }) => {
    const denied = await browser.newContext();
    await denied.addInitScript(() => {
      Object.defineProperty(globalThis, 'indexedDB', {
        value: {
          open() {
            throw new DOMException('denied', 'SecurityError');
          },
        },
      });
    });
    const page = await denied.newPage();
    const thrown = [];
    page.on('pageerror', (error) => thrown.push(error.message));
    await page.goto(`${isolated}#steps=20&backend=wasm&threads=1`);
    await page.waitForSelector('body[data-phase="idle"]');
    await start(page);
    await finished(page);
    note(await notices(page));
    check(
      'denied: it says so, and trains',
      (await notices(page)).includes('keep nothing') && thrown.length === 0,
    );
    await denied.close();

    const app = await openApp(browser, isolated, 'steps=40&backend=wasm&threads=1');
    await start(app.page);
    await reached(app.page, 10);
    await pause(app.page);
    const kept = await metrics(app.page);
    await app.page.evaluate(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    });
    await start(app.page);
    await finished(app.page);
    note(await notices(app.page));
    check('full: it says so, and trains', (await notices(app.page)).includes('no room left'));
    await app.page.reload();
    await app.page.waitForSelector('body[data-phase="paused"]');
    const after = await metrics(app.page);
    note(`${kept.length} steps were kept, ${after.length} came back`);
    check('what was kept before is still there', after.length >= kept.length);
    await close(app, isolated, check);
  },

  crash: async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, `steps=${STEPS}&backend=wasm&threads=1`);
    const { page } = app;
    await start(page);
    await reached(page, 20);
    const [worker] = page.workers();
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
    const app = await openApp(browser, isolated, `steps=${STEPS}&backend=wasm&threads=1`);
    const session = await app.context.newCDPSession(app.page);
    await start(app.page);
    await reached(app.page, 10);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await finished(app.page);
    check('frozen for a minute: no notice', (await notices(app.page)) === '');
    const difference = lossDifference(await metrics(app.page), (await inNode()).lines);
    check(`and the same losses: ${difference.toExponential(1)}`, difference <= 1e-4);
    await close(app, isolated, check);
  },

  steady: async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, 'steps=280&backend=wasm&threads=1');
    const { page } = app;
    await start(page);
    const tensors = async () => {
      const both = await Promise.all([0, 1].map((run) => page.textContent(`#numbers-${run}`)));
      return both.map((text) => Number(text.match(/(\d+) tensors/)[1]));
    };
    await reached(page, 70);
    await page.evaluate(() => {
      globalThis.longTasks.length = 0;
    });
    const before = await tensors();
    await reached(page, 270);
    const after = await tensors();
    note(`tensors after 70 steps ${before}, after 270 ${after}`);
    check('the tensors are as many as 200 steps before', `${before}` === `${after}`);
    const long = await page.evaluate(() => globalThis.longTasks);
    note(`long tasks of the page in 200 steps, ms: ${long.join(', ') || 'none'}`);
    check('no task of the page took above 50 ms', long.length === 0);
    await close(app, isolated, check);
  },

  webgl: trainsOn('webgl'),
  webgpu: trainsOn('webgpu'),

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
