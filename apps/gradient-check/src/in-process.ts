/** Judges cases on the backend that this process has started. */
import type { Case } from './case.ts';
import { evaluate } from './evaluate.ts';
import { type Judgement, judge } from './judge.ts';
import { renewHeap } from './start-backend.ts';

export async function judgeHere(
  subject: Case,
  backend: string,
  around?: Parameters<typeof evaluate>[1],
): Promise<Judgement> {
  // A kernel that writes where it must not harms no other case.
  if (backend === 'wasm') await renewHeap();
  return judge(subject, await evaluate(subject, around));
}
