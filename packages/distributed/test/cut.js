/**
 * npm run test:cut, on Linux as root: three workers in network namespaces of their own, and the link of one is cut in the
 * middle of a run: for less than the timeout, and for longer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addressOf, build, on, remove, setLink } from './namespaces.js';

const TIMEOUT = 6;
const STATED = TIMEOUT + 3;
/** A busy machine. */
const SLACK = 3;
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const NAMES = ['a', 'b', 'c'];

/** One run; `cut` gets a function that sets the link of worker 1 down or up. */
async function run(folder, cut) {
  const worker = [0, 1, 2].map((i) => `${addressOf(i)}:2222`);
  const script = fileURLToPath(new URL('train.js', import.meta.url));
  const children = [0, 1, 2].map((index) => {
    const [program, args] = on(index);
    return spawn(program, [...args, process.execPath, script, folder, '100'], {
      env: {
        ...process.env,
        ...{ TF_NUM_INTRAOP_THREADS: '1', TF_CPP_MIN_LOG_LEVEL: '3', PACE: '40' },
        ...{ TIMEOUT: String(TIMEOUT), START_TIMEOUT: '60' },
        TF_CONFIG: JSON.stringify({ cluster: { worker }, task: { type: 'worker', index } }),
      },
    });
  });
  const texts = ['', '', ''];
  for (const [i, { stdout, stderr }] of children.entries())
    for (const stream of [stdout, stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        texts[i] += text;
      });
  const ends = Promise.all(children.map((child) => once(child, 'close')));
  while (!texts.every((text) => text.includes('from step'))) await sleep(0.05);
  await sleep(1.5);
  const at = Date.now();
  await cut((state) => setLink(1, state));
  const codes = (await ends).map(([code]) => code);
  const digests = texts.map((text) => /"digest":"(\w+)"/.exec(text)?.[1]);
  const left = texts.map((text) => /left after (\d+): (.*)/.exec(text));
  return {
    codes,
    digests,
    left: left.map((match) => match && [(match[1] - at) / 1000, match[2]]),
    texts,
  };
}

const folders = [];
const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'cut-'));
  folders.push(made);
  return made;
};
let isRight = true;
const expect = (what, holds, details) => {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  if (holds) return;
  isRight = false;
  console.log(details);
};

try {
  build(NAMES);
  const whole = await run(folder(), () => {});
  expect(
    'undisturbed',
    whole.codes.every((code) => code === 0),
    whole,
  );
  const isWhole = ({ digests }) => digests.every((digest) => digest === whole.digests[0]);

  const short = await run(folder(), async (link) => {
    link('down');
    await sleep(2);
    link('up');
  });
  expect('cut for 2 s: nobody notices, the same end', isWhole(short), short);

  const again = folder();
  const long = await run(again, async (link) => {
    link('down');
    await sleep(STATED + 4);
    link('up');
  });
  for (const [i, left] of long.left.entries()) {
    const gone = i === 1 ? /no answer from worker 0 .*worker 2 / : /no answer from worker 1 /;
    const holds = left !== null && left[0] <= STATED + SLACK && gone.test(left[1]);
    expect(
      `cut for ${STATED + 4} s: worker ${i} left after ${left?.[0]} s of at most ${STATED}: ${left?.[1]}`,
      holds,
      long,
    );
  }
  const resumed = await run(again, () => {});
  const step = /from step (\d+)/.exec(resumed.texts[0])[1];
  expect(
    `restored, and started again from step ${step}: the same end`,
    Number(step) > 0 && isWhole(resumed),
    resumed,
  );
} finally {
  remove(NAMES);
  for (const each of folders) rmSync(each, { recursive: true });
}
process.exitCode = isRight ? 0 : 1;
