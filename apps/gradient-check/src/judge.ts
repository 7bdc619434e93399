/** What a case's outcomes are worth against the numbers that it should give. */
import type { Case, Values } from './case.ts';
import type { Outcome, Outcomes } from './evaluate.ts';

/** How far a part is off, relative to the largest number that it should have, or why tfjs refuses it. */
export type Verdict = { readonly error: number } | { readonly refused: string };

export interface Judgement {
  readonly name: string;
  readonly forward: Verdict;
  readonly gradient: Verdict;
  readonly second: Verdict | null;
}

/** float32 through some products and sums, and the transcendental functions of shaders. */
export const TOLERANCE = 2e-3;

export const isRight = (verdict: Verdict | null): boolean =>
  verdict === null || ('error' in verdict && verdict.error <= TOLERANCE);

function compare(outcome: Outcome, expected: readonly (Values | null)[]): Verdict {
  if ('refused' in outcome) return outcome;
  const { shapes, values } = outcome;
  const largest = Math.max(
    0.1,
    ...expected.flatMap((tensor) => tensor?.values.map(Math.abs) ?? []),
  );
  if (values.length !== expected.length) return { error: Number.POSITIVE_INFINITY };
  let error = 0;
  for (const [i, tensor] of expected.entries()) {
    if (tensor === null) continue;
    const isOfShape = shapes[i]!.join() === tensor.shape.join();
    for (const [k, value] of tensor.values.entries()) {
      // A gradient that is missing is zero.
      const actual = values[i] === null ? 0 : values[i]![k];
      const distance = Math.abs((actual ?? Number.NaN) - value) / largest;
      if (!isOfShape || !(distance <= error))
        error = Number.isFinite(distance) && isOfShape ? distance : Number.POSITIVE_INFINITY;
    }
  }
  return { error };
}

export function judge(subject: Case, { forward, gradient, second }: Outcomes): Judgement {
  const perInput = (numbers: Case['gradients']): (Values | null)[] =>
    numbers.map((values, i) => values && { shape: subject.inputs[i]!.shape, values });
  return {
    name: subject.name,
    forward: compare(forward, subject.outputs),
    gradient: compare(gradient, perInput(subject.gradients)),
    second: second && subject.second && compare(second, perInput(subject.second)),
  };
}

export const isAllRight = ({ forward, gradient, second }: Judgement): boolean =>
  isRight(forward) && isRight(gradient) && isRight(second);
