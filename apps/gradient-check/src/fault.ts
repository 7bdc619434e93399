/** The first part of a case that is not right, in words. */
import { groupBy } from './group-by.ts';
import { isRight, type Judgement, type Verdict } from './judge.ts';

export interface Fault {
  readonly name: string;
  /** What is the matter, the same words for the same kind of fault. */
  readonly kind: string;
  /** How far off it is, relative to the largest number; Infinity for a wrong shape or what is not a number. */
  readonly error?: number;
  /** Why tfjs refuses. */
  readonly message?: string;
}

const PARTS = [
  { part: 'forward', wrong: 'result off', refused: 'refused' },
  { part: 'gradient', wrong: 'gradient off', refused: 'no gradient' },
  { part: 'second', wrong: '2nd order off', refused: 'no 2nd order' },
] as const;

/** Null where all is right. */
export function faultOf(judgement: Judgement): Fault | null {
  const { name } = judgement;
  for (const { part, wrong, refused } of PARTS) {
    const verdict: Verdict | null = judgement[part];
    if (verdict === null || isRight(verdict)) continue;
    return 'error' in verdict
      ? { name, kind: wrong, error: verdict.error }
      : { name, kind: refused, message: verdict.refused };
  }
  return null;
}

const size = (error: number): string => (Number.isFinite(error) ? error.toPrecision(2) : '∞');

/** The faults of one operation on one backend in a few words: `gradient off ≤ 0.71 ×12, no 2nd order ×3`. */
export function summarize(faults: readonly Fault[]): string {
  const kinds = groupBy(faults, ({ kind }) => kind);
  const parts = [...kinds].map(([kind, alike]) => {
    const errors = alike.flatMap(({ error }) => (error === undefined ? [] : [error]));
    const most = errors.length === 0 ? '' : ` ≤ ${size(Math.max(...errors))}`;
    return `${kind}${most} ×${alike.length}`;
  });
  return parts.length === 0 ? 'right' : parts.join(', ');
}

/** One fault for whoever wants to see it: `off by 0.71`, or tfjs' message. */
export const describe = ({ kind, error, message }: Fault): string =>
  error === undefined
    ? `${kind}: ${message!.split('\n')[0]!.slice(0, 140)}`
    : `${kind} by ${size(error)}`;
