/**
 * npm run test:kubernetes, on Linux as root: the command of the Job in docs/guides/several-machines.md, as it stands, on as
 * many machines as the Job has pods, each with the index and the names that Kubernetes gives. All must end with the same
 * weights.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, on, remove } from './namespaces.js';

const guide = readFileSync(
  new URL('../../../docs/guides/several-machines.md', import.meta.url),
  'utf8',
);
const pods = Number(/^ {2}completions: (\d+)$/m.exec(guide)[1]);
const [, job] = /kind: Job\nmetadata:\n {2}name: (\S+)/.exec(guide);
const [, subdomain] = /subdomain: (\S+)/.exec(guide);
const [, block] = /args:\n {12}- \|\n((?: {14}.*\n)+)/.exec(guide);
const command = block.replace(/^ {14}/gm, '');

// In a folder of the package, so that the script finds what it imports.
const folder = mkdtempSync(join(import.meta.dirname, 'job-'));
const names = Array.from({ length: pods }, (_, i) => `${job}-${i}.${subdomain}`);
try {
  writeFileSync(
    join(folder, 'train.js'),
    `process.argv.push(${JSON.stringify(folder)}, '12'); await import('../train.js');`,
  );
  build(names);
  const logs = await Promise.all(
    names.map(async (_, i) => {
      const [program, args] = on(i);
      const child = spawn(program, [...args, 'sh', '-c', command], {
        cwd: folder,
        env: {
          ...{ PATH: process.env.PATH, JOB_COMPLETION_INDEX: String(i) },
          ...{ TIMEOUT: '60', START_TIMEOUT: '120', TF_CPP_MIN_LOG_LEVEL: '3' },
        },
      });
      let log = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text) => {
          log += text;
        });
      await once(child, 'close');
      return log;
    }),
  );
  const digests = logs.map((log) => /"digest":"(\w+)"/.exec(log)?.[1]);
  const isRight = digests[0] !== undefined && digests.every((digest) => digest === digests[0]);
  for (const [i, name] of names.entries()) console.log(`${name}: ${digests[i] ?? logs[i]}`);
  console.log(isRight ? `${pods} pods ended with the same weights` : 'FAIL');
  process.exitCode = isRight ? 0 : 1;
} finally {
  remove(names);
  rmSync(folder, { recursive: true });
}
