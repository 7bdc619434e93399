/** `npm run soak`: a long training, whose memory must not grow. */
import { type Flags, readFlags, runCommand, whole } from '@tfjs-lrm/shared';
import { type Growth, makeSoak } from '../soak.ts';

/** Megabytes by which resident memory may grow. */
const MOST = 5;

const FLAGS: Flags<{ steps: number; retraces: number }> = {
  steps: whole(10, 'training steps (default 10,000)'),
  retraces: whole(1, 'recordings (default 200)'),
};

function report(what: string, { begin, end }: Growth): boolean {
  const grown = end.resident - begin.resident;
  const isFine = end.tensors === begin.tensors && grown <= MOST;
  console.log(
    `${what}: tensors ${begin.tensors} after the beginning and ${end.tensors} at the end, resident memory ` +
      `${begin.resident.toFixed(1)} and ${end.resident.toFixed(1)} MB (${grown.toFixed(1)} of at most ${MOST} MB more)` +
      (isFine ? '' : ': TOO MUCH'),
  );
  return isFine;
}

async function main(args: readonly string[]): Promise<number> {
  const { steps = 10_000, retraces = 200 } = readFlags(args, FLAGS);
  // `compile` warns after ten recordings, which are made on purpose here.
  console.warn = () => {};
  const soak = await makeSoak();
  const areFine = [
    report(`${steps} steps`, await soak.steps(steps)),
    report(`${retraces} recordings`, await soak.retraces(retraces)),
  ];
  soak.dispose();
  return areFine.every(Boolean) ? 0 : 1;
}

await runCommand('soak', main);
