/** A worker without TensorFlow, for tests of the launcher: job.js WHAT FILE. */
import { appendFileSync, existsSync } from 'node:fs';

const [what, file] = process.argv.slice(2);
const { task, cluster } = JSON.parse(process.env.TF_CONFIG);
const { index } = task;
const forever = () => setInterval(() => {}, 1000);

if (what === 'show') {
  process.stdout.write(`threads ${process.env.TF_NUM_INTRAOP_THREADS}\nno newline at the end`);
  process.stderr.write(
    `${cluster.worker.length} addresses, ${new Set(cluster.worker).size} of their own\n`,
  );
} else if (what === 'fail') {
  if (index === 1) process.exit(7);
  forever();
} else if (what === 'once') {
  // Worker 1 fails in the first run alone.
  if (index === 1 && !existsSync(file)) {
    appendFileSync(file, 'failed');
    process.kill(process.pid, 'SIGKILL');
  }
  if (!existsSync(file)) forever();
  console.log('second run');
} else if (what === 'wait') {
  process.on('SIGTERM', () => {
    console.log('asked to end');
    process.exit(0);
  });
  console.log('waiting');
  forever();
} else if (what === 'deaf') {
  process.on('SIGTERM', () => console.log('no'));
  if (index === 1) setTimeout(() => process.exit(1), 500);
  console.log('waiting');
  forever();
}
