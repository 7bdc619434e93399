import { show } from '@tfjs-lrm/core/kit';

/** The path of a value that JSON would drop or change; null where it keeps everything. */
export function notJson(value: unknown, path: string): string | null {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return null;
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? null : `${path} is ${show(value)}`;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value ?? '') === Object.prototype;
  if (typeof value !== 'object' || !isPlain) return `${path} is ${show(value)}`;
  for (const [key, each] of Object.entries(value)) {
    const problem = notJson(each, `${path}.${key}`);
    if (problem !== null) return problem;
  }
  return null;
}
