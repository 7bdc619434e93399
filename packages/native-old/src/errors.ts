/** A mistake that the person at the command line can mend; it is printed without a stack. */
export class NativeError extends Error {
  override readonly name = 'NativeError';
}
