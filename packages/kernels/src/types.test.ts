import { expectTypeOf, test } from 'vitest';
import { disableTraining, enableTraining } from './index.ts';

test('enabling takes nothing and gives nothing', () => {
  expectTypeOf(enableTraining).parameters.toEqualTypeOf<[]>();
  expectTypeOf(enableTraining).returns.toEqualTypeOf<void>();
  expectTypeOf(disableTraining).parameters.toEqualTypeOf<[]>();
  // @ts-expect-error there is no option
  const call = (): void => enableTraining({ backend: 'wasm' });
  expectTypeOf(call).returns.toEqualTypeOf<void>();
});
