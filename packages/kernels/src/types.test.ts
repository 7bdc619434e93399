import { expectTypeOf, test } from 'vitest';
import { disableTraining, enableTraining, type TrainingOptions } from './index.ts';

test('enabling takes a number of threads and gives nothing', () => {
  expectTypeOf(enableTraining).parameter(0).toEqualTypeOf<TrainingOptions | undefined>();
  expectTypeOf(enableTraining).returns.toEqualTypeOf<void>();
  expectTypeOf(disableTraining).parameters.toEqualTypeOf<[]>();
  // @ts-expect-error there is no such option
  const call = (): void => enableTraining({ backend: 'wasm' });
  expectTypeOf(call).returns.toEqualTypeOf<void>();
});
