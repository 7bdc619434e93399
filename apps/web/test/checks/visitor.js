/** What visitors do: bring files, take models home, click twice, type nonsense, follow strange links. */
import { strFromU8, unzipSync } from 'fflate';
import { download, finished, metrics, notices, openApp, pause, reached, start } from '../page.js';
import { close, inNode, isQuiet, wholeRun } from './common.js';

export const VISITOR = {
  'take-home': async ({ browser, plain, other, check }) => {
    const app = await wholeRun(browser, plain);
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
    isQuiet(app, plain, check);
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

  clumsy: async ({ browser, isolated, check, note }) => {
    const link = 'preset=nano&steps=300&backend=wasm&threads=1';
    const app = await openApp(browser, isolated, link);
    const { page } = app;

    const settings = page.locator('#settings');
    const type = async (name, value) => {
      await settings.evaluate((element) => {
        element.open = true;
      });
      await page.fill(`[name=${name}]`, value);
      await page.press(`[name=${name}]`, 'Tab');
    };
    for (const [name, bad, good] of [
      ['steps', '7', '300'],
      ['rate', '-1', '0.004'],
      ['decay', '1e9', '0.1'],
      ['seed', '1.5', '1'],
      ['threads', '', '1'],
    ]) {
      await type(name, bad);
      await settings.evaluate((element) => {
        element.open = false;
      });
      await start(page);
      const focused = await page.evaluate(() => document.activeElement.getAttribute('name'));
      const isIdle = (await page.getAttribute('body', 'data-phase')) === 'idle';
      check(`${name} “${bad}” starts nothing, and is pointed at`, isIdle && focused === name);
      await type(name, good);
    }

    await page.fill('#prompt', 'Hello');
    await page.click('#write');
    check('writing before training: a word', (await notices(page)).includes('Train both first'));

    await page.dblclick('#go');
    await page.waitForSelector('body[data-phase="training"]');
    await page.dblclick('#wrong');
    await page.waitForSelector('body[data-phase="training"]');
    note(`${page.workers().length} workers`);
    check(
      'two double clicks train one pair, beside the worker that stores',
      page.workers().length === 3,
    );
    await reached(page, 10);
    await page.dblclick('#go', { delay: 20 });
    await page.waitForFunction(() => /paused|training/.test(document.body.dataset.phase));

    // Settings changed while it trains count when it starts over; a change of text that fails changes nothing.
    if ((await page.getAttribute('body', 'data-phase')) === 'training') await pause(page);
    const before = await metrics(page);
    await page.selectOption('[name=text]', 'file');
    check('it says when settings count', await page.isVisible('#later'));
    await page.click('#over');
    await page.waitForFunction(() => document.querySelector('#notices').textContent !== '');
    note(await notices(page));
    check(
      'starting over without a file says so and keeps what there is',
      (await notices(page)).includes('Choose a file first') &&
        (await metrics(page)).length >= before.length,
    );
    await page.selectOption('[name=text]', 'moby-dick');
    await start(page);
    await finished(page);
    const lines = await metrics(page);
    check('going on from there takes every step once', lines.length === 600);

    await page.evaluate(() => {
      location.hash =
        'decay=NaN&preset=__proto__&text=%3Cscript%3E&backend=rm%20-rf&seed=9e99&steps=-1';
    });
    await page.waitForFunction(() => document.querySelector('#notices').textContent !== '');
    note(await notices(page));
    check(
      'a hostile link is named and sets nothing',
      (await page.inputValue('[name=decay]')) === '0.1' &&
        (await page.$$('#notices script')).length === 0,
    );
    await page.goto(`${isolated}#seed=7`);
    await page.goBack();
    await page.goForward();
    const follows = await page
      .waitForFunction(() => document.querySelector('[name=seed]').value === '7', undefined, {
        timeout: 10_000,
      })
      .then(
        () => true,
        () => false,
      );
    check('back and forward follow the link', follows);

    // A rate at which the loss is soon no number.
    await page.goto('about:blank');
    await page.goto(`${isolated}#rate=1&steps=60&backend=wasm&threads=1&optimizer=muon`);
    await page.waitForSelector('body[data-phase="idle"]');
    note(await notices(page));
    check(
      'a link with other settings than what is kept says so',
      (await notices(page)).includes('is kept here'),
    );
    await close(app, isolated, check);
  },

  hosts: async ({ browser, plain, check, note }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const [errors, requests] = [[], []];
    page.on('pageerror', (error) => errors.push(error.message));
    context.on('request', (request) => requests.push(request.url()));
    await page.goto(`${plain}example.html`);
    await page.click('#run');
    await page.waitForFunction(
      () => /^(Done|It failed)/.test(document.querySelector('#said').textContent),
      null,
      {
        timeout: 600_000,
      },
    );
    const output = await page.textContent('#output');
    note(output.trim().split('\n').at(-1));
    check(
      'below a path, without headers, the README’s example runs',
      (await page.textContent('#said')) === 'Done.',
    );
    check('and prints losses', /\d\.\d/.test(output));
    const blocked = await page.evaluate(
      () =>
        new Promise((resolve) => {
          addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
            resolve(effectiveDirective),
          );
          const script = document.createElement('script');
          script.textContent = 'globalThis.isInjected = true';
          document.body.append(script);
          setTimeout(() => resolve(globalThis.isInjected ? 'it ran' : 'nothing'), 2000);
        }),
    );
    check(
      `a script in the page is refused by the page’s own policy: ${blocked}`,
      blocked === 'script-src-elem',
    );
    const policy = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', 'content');
    check(
      'the policy has no unsafe-eval',
      /'wasm-unsafe-eval'/.test(policy) && !/'unsafe-/.test(policy),
    );
    await close({ context, errors, requests }, plain, check);
  },
};
