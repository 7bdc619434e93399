/** Says once a run what this machine cannot test. */
import { isLinked } from '../packages/native/src/linked.ts';

export default function setup(): void {
  if (isLinked()) return;
  console.log('skipped: the tensorflow backend, which is not linked. Try: npm run native:link');
}
