/** The options that `compile` and `compileModel` share. */
import { booleanRule, numberRule, oneOfRule, type Rule } from '@tfjs-lrm/core/kit';

/** How a step becomes a function of TensorFlow. */
export interface CompileOptions {
  /** Whether TensorFlow's XLA compiles the function. It takes longer to start and then runs faster. */
  readonly xla?: boolean | undefined;
  /**
   * `'mixed'` lets TensorFlow run matrix products, and what lies between them, in bfloat16. It is meant for processors
   * that have it (AVX512_BF16, AMX); others may emulate it, or stay with float32. Variables stay float32. Not with `xla`.
   */
  readonly precision?: 'float32' | 'mixed' | undefined;
  /**
   * The number of calls after the recording in which the step runs operation by operation and is compared with what was
   * recorded. This finds branches and numbers of JavaScript that change later; those calls are slow.
   */
  readonly verify?: number | undefined;
}

export const COMPILE_RULES: Readonly<Record<keyof CompileOptions, Rule>> = {
  xla: booleanRule(false),
  precision: oneOfRule(['float32', 'mixed']),
  verify: numberRule({ integer: true, min: 0, try: '10' }),
};

/** @throws Error for mixed precision with XLA, which has no such rewriting */
export function checkPrecision(where: string, { xla, precision }: CompileOptions): void {
  if (!(xla && precision === 'mixed')) return;
  throw new Error(
    `${where}: precision 'mixed' must not go with xla. Received both. Try { precision: 'mixed' }.`,
  );
}
