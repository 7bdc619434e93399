/** A mistake that the user of the command line can fix; it is printed without a stack. */
export class NativeError extends Error {
  override readonly name = 'NativeError';
}
