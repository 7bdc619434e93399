/** Says once a run what this machine cannot test. */
import { isLinked } from '@tfjs-lrm/native/linked';

export default function setup(): void {
  if (isLinked()) return;
  console.log('skipped: the tensorflow backend, which is not linked. Try: npm run native:link');
}
