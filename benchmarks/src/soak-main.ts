/** `npm run soak`. */
import { parseArgs } from 'node:util';
import { type Growth, makeSoak } from './soak.ts';

/** Megabytes by which resident memory may grow. */
const MOST = 5;

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '10000' },
    retraces: { type: 'string', default: '200' },
  },
});

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

// Said once after ten recordings, which is what this does on purpose.
console.warn = () => {};
const soak = await makeSoak();
const steps = report(`${values.steps} steps`, await soak.steps(Number(values.steps)));
const retraces = report(
  `${values.retraces} recordings`,
  await soak.retraces(Number(values.retraces)),
);
soak.dispose();
if (!(steps && retraces)) process.exitCode = 1;
