/** What `enableTraining()` leaves at fault, and why: all else that is not right fails the check. */
import type { Backend } from './backends.ts';

export interface Statement {
  /** Names of cases. */
  readonly cases: readonly string[];
  /** Where it holds; everywhere if left out. */
  readonly backends?: readonly Backend[];
  readonly reason: string;
}

export const STATEMENTS: readonly Statement[] = [];

export function reasonFor(name: string, backend: Backend): string | undefined {
  return STATEMENTS.find(
    ({ cases, backends }) =>
      cases.includes(name) && (backends === undefined || backends.includes(backend)),
  )?.reason;
}
