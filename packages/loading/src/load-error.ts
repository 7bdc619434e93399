/** Errors of `loadModel`: its own, and those that replace errors from tfjs. */
import { show } from '@tfjs-lrm/core/kit';

const LONGEST = 240;

/** A value from a file on one line, shortened if it is long. */
export function preview(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value !== 'object' || value === null) return shorten(show(value));
  try {
    return shorten(JSON.stringify(value));
  } catch {
    return show(value);
  }
}

function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

const isNative = (error: Error): boolean =>
  /^(TypeError|RangeError|ReferenceError|SyntaxError)$/.test(error.name);
const isOurs = (message: string): boolean => /^[a-z]\w+: /.test(message);

const inOneLine = (message: string): string =>
  message.replaceAll('[object Object]', 'an object').replaceAll(/\s+/g, ' ').trim();

/** The message of an error, or null where it only reports a JavaScript failure such as a property of undefined. */
function reasonOf(error: Error): string | null {
  const message = inOneLine(error.message);
  if (isNative(error) && !isOurs(message)) return null;
  if (message === '' || /undefined|NaN/.test(message)) return null;
  const text = shorten(message.replace(/^(loadModel|withMultipliers): /, ''));
  return /[.…!?]$/.test(text) ? text : `${text}.`;
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

/** The error for files that cannot be read. */
export function readError(thrown: unknown): Error {
  const cause = asError(thrown);
  if (cause.message.startsWith('loadModel: ')) return cause;
  const reason =
    reasonOf(cause) ?? 'its weightsManifest must be a list of { paths, weights }, or be missing.';
  return new Error(
    `loadModel: the model cannot be read: ${reason} Check model.json and the files that it names.`,
    { cause },
  );
}

/**
 * The error for a part of a file that tfjs cannot use.
 *
 * @param what a description of the part
 * @param saved the part as it was saved
 */
export function loadError(what: string, saved: unknown, thrown: unknown): Error {
  const cause = asError(thrown);
  if (cause.message.startsWith('loadModel: ')) return cause;
  const [, kind, name] = inOneLine(cause.message).match(/^Unknown (\w+): (.+?)\. This may/) ?? [];
  if (kind !== undefined) {
    return new RangeError(
      `loadModel: ${what} needs the ${kind === 'layer' ? 'class' : kind} ${preview(name)}, which is not registered. Import the package that defines it, or call tf.serialization.registerClass, before loading.`,
      { cause },
    );
  }
  const reason = reasonOf(cause) ?? 'one of its values is missing or wrong.';
  return new Error(
    `loadModel: ${what} cannot be used: ${reason} Received ${preview(saved)}. Compare it with the file as it was saved.`,
    { cause },
  );
}

/** What `run` returns. What loads models and weights alike speaks of `loadModel`; its errors begin with this name. */
export async function inNameOf<T>(where: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replace(/^loadModel: /, `${where}: `);
    throw error;
  }
}

/** The result of `make`; an error that it throws is replaced by one that names the part of the file. */
export function explained<T>(what: string, saved: unknown, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw loadError(what, saved, error);
  }
}
