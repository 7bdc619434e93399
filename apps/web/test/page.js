/** A page of the app in a profile of its own, and what a visitor does with it. */
import { readFileSync } from 'node:fs';

const PATIENCE = 600_000;

/** Opens the app with the settings of a link, in a profile of its own; `errors` and `requests` fill while it is open. */
export async function openApp(browser, address, link = '', options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  return openPage(context, address, link);
}

/** Opens the app in a tab of a profile that is open. */
export async function openPage(context, address, link = '') {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const [errors, requests] = [[], []];
  page.on('pageerror', (error) => errors.push(`threw ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`logged ${message.text()}`);
  });
  context.on('request', (request) => requests.push(request.url()));
  await page.addInitScript(() => {
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration);
    }).observe({ entryTypes: ['longtask'] });
  });
  await page.goto(`${address}${link === '' ? '' : `#${link}`}`);
  await page.waitForSelector('body[data-phase]');
  return { page, context, errors, requests };
}

const inPhase = (page, phase) =>
  page.waitForSelector(`body[data-phase="${phase}"]`, { timeout: PATIENCE });

export const start = (page) => page.click('#go');
export const finished = (page) => inPhase(page, 'finished');
export const stopped = (page) => inPhase(page, 'stopped');

/** Waits until both models have reported so many steps. */
export const reached = (page, steps) =>
  page.waitForFunction(
    (least) =>
      [0, 1].every((run) => {
        const [, step] =
          document.getElementById(`numbers-${run}`).textContent.match(/step (\d+)/) ?? [];
        return Number(step ?? 0) >= least;
      }),
    steps,
    { timeout: PATIENCE },
  );

export async function pause(page) {
  await page.click('#go');
  await inPhase(page, 'paused');
}

/** The bytes of a file that a button hands out. */
export async function download(page, button) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
  return readFileSync(await file.path());
}

/** Every step of both runs, as the page hands them out. */
export async function metrics(page) {
  const text = (await download(page, '#metrics')).toString('utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

export const notices = (page) => page.textContent('#notices');
