/**
 * npm run test:stops -- [ROUNDS] [SIZE]: three workers exchange tensors of SIZE numbers without a pause, operation by
 * operation and compiled in turn, and one is stopped at a random moment. Both others must leave with an error that names
 * it, within the stated time. Nobody ends them before, as the launcher would.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { localCluster } from '@tfjs-lrm/distributed/local';

const TIMEOUT = 2;
const STATED = TIMEOUT + 3;
/** A busy machine. */
const SLACK = 5;
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function work(size, kind) {
  const tf = await import('@tensorflow/tfjs-core');
  const { connect } = await import('@tfjs-lrm/distributed');
  const { compile } = await import('@tfjs-lrm/native');
  const workers = await connect({ timeout: TIMEOUT, startTimeout: 60 });
  const exchange = (x) => [1, 2, 3].map((factor) => workers.allReduce(tf.mul(x, factor), 'sum'));
  const step = kind === 'compiled' ? compile(exchange) : exchange;
  const x = tf.ones([size]);
  try {
    for (let i = 0; ; i++) {
      if (i === 20) process.send('running');
      const sums = step(x);
      for (const [k, sum] of sums.entries())
        if (sum.dataSync()[size - 1] !== 3 * (k + 1)) throw new Error(`a wrong sum in step ${i}`);
      tf.dispose(sums);
    }
  } catch (error) {
    process.send(error.message);
    process.exitCode = 1;
    process.disconnect();
  }
}

/** How both others ended. */
async function round(size, kind) {
  const children = (await localCluster(3)).map((TF_CONFIG) => {
    const env = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', TF_CONFIG };
    return fork(fileURLToPath(import.meta.url), [String(size), kind], {
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', ...env },
    });
  });
  const ends = children.map((child) => once(child, 'exit'));
  await once(children[1], 'message');
  await sleep(Math.random() / 10);
  children[1].kill('SIGSTOP');
  const at = Date.now();
  const others = await Promise.all(
    [0, 2].map(async (rank) => {
      const child = children[rank];
      const left = { message: null, seconds: null };
      child.on('message', (message) => {
        if (message === 'running') return;
        left.message = message;
        left.seconds = (Date.now() - at) / 1000;
      });
      const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * (STATED + SLACK + 20));
      const [code, signal] = await ends[rank];
      clearTimeout(timer);
      return { rank, code, signal, ...left };
    }),
  );
  children[1].kill('SIGKILL');
  await ends[1];
  return others;
}

async function main(rounds, size) {
  const counts = { left: 0, hung: 0, crashed: 0, late: 0, unnamed: 0 };
  let longest = 0;
  for (let i = 0; i < rounds; i++) {
    const kind = i % 2 === 0 ? 'eager' : 'compiled';
    for (const { rank, code, signal, message, seconds } of await round(size, kind)) {
      longest = Math.max(longest, seconds ?? 0);
      let end = 'left';
      if (signal === 'SIGKILL') end = 'hung';
      else if (signal !== null || code !== 1) end = 'crashed';
      else if (!/no answer from worker 1 /.test(message)) end = 'unnamed';
      else if (seconds > STATED + SLACK) end = 'late';
      counts[end] += 1;
      if (end !== 'left')
        console.log(`${i + 1} ${kind}, worker ${rank}: ${end}, ${signal ?? code}, ${message}`);
    }
    if ((i + 1) % 10 === 0)
      console.log(`${i + 1} rounds: ${JSON.stringify(counts)}, at most ${longest} s`);
  }
  console.log(`${rounds} rounds: ${JSON.stringify(counts)}, at most ${longest} s`);
  if (counts.left !== 2 * rounds) process.exitCode = 1;
}

const [first, second] = process.argv.slice(2);
if (process.env.TF_CONFIG === undefined) await main(Number(first ?? 30), Number(second ?? 300_000));
else await work(Number(first), second);
