import { expect, it } from 'vitest';
import { addNodeFunctions } from './node-functions.ts';

it('util has what tfjs-node calls, and what it had stays', () => {
  const util: Record<string, unknown> = {};
  addNodeFunctions(util);
  const { isNullOrUndefined, isArray } = util as Record<string, (value: unknown) => boolean>;
  expect([null, undefined, 0, '', false].map((value) => isNullOrUndefined?.(value))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect([isArray?.([]), isArray?.({ length: 0 })]).toEqual([true, false]);

  const kept = () => true;
  const own = { isArray: kept, isNullOrUndefined: kept };
  addNodeFunctions(own);
  expect(own).toEqual({ isArray: kept, isNullOrUndefined: kept });
});
