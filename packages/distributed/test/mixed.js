/**
 * npm run test:mixed -- PYTHON: a worker of Node and one of TensorFlow for Python reduce tensors together. It starts both;
 * either leads once.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { localCluster } from '@tfjs-lrm/distributed/local';

const KEY = 77;
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

async function work() {
  const { connect } = await import('@tfjs-lrm/distributed');
  const tf = await import('@tensorflow/tfjs-core');
  const { compile, info } = await import('@tfjs-lrm/native');
  const workers = await connect({ rendezvous: false });
  // The third call runs as a recorded function, as all of those of Python do.
  const reduce = compile((tensor) => workers.allReduce(tensor, 'sum', { key: KEY }));
  for (let i = 0; i < 3; i++) {
    const sum = reduce(tf.tensor1d([10, 20, 30].map((x) => x * (i + 1))));
    console.log('node', info().tensorflow, JSON.stringify([...sum.dataSync()]));
  }
}

async function main(python) {
  for (const nodeLeads of [true, false]) {
    const [first, second] = (await localCluster(2)).map((TF_CONFIG) => ({
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', TF_CONFIG },
    }));
    const [node, other] = nodeLeads ? [first, second] : [second, first];
    const children = [
      spawn(process.execPath, [path('mixed.js')], node),
      spawn(python, [path('mixed.py'), String(KEY)], other),
    ];
    const outputs = children.map(({ stdout, stderr }) => {
      const output = { text: '' };
      for (const stream of [stdout, stderr])
        stream.setEncoding('utf8').on('data', (text) => {
          output.text += text;
        });
      return output;
    });
    const timer = setTimeout(() => {
      for (const child of children) child.kill('SIGKILL');
    }, 180_000);
    await Promise.all(children.map((child) => once(child, 'close')));
    clearTimeout(timer);
    const expected = JSON.stringify([1, 2, 3].map((i) => [11 * i, 22 * i, 33 * i]));
    const areRight = outputs.map(({ text }) => {
      const sums = [...text.matchAll(/^(?:node|python) \S+ (\[.*\])/gm)];
      return JSON.stringify(sums.map(([, sum]) => JSON.parse(sum))) === expected;
    });
    console.log(`${nodeLeads ? 'Node' : 'Python'} leads:`);
    for (const [i, { text }] of outputs.entries())
      console.log(`${text.trim()}\n${areRight[i] ? 'as it must be' : 'WRONG'}`);
    if (!areRight.every((isRight) => isRight)) process.exitCode = 1;
  }
}

if (process.env.TF_CONFIG === undefined) await main(process.argv[2] ?? 'python3');
else await work();
