/** The reports of docs/upstream: a program, what it should print, and what it prints. */
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../../docs/upstream/', import.meta.url);
const FIXED = '<!-- enableTraining() gives what is expected. -->';

export interface Report {
  readonly file: string;
  /** Without its imports. */
  readonly code: string;
  readonly expected: string;
  readonly actual: string;
  /** Whether it prints what is expected after `enableTraining()`. */
  readonly isFixed: boolean;
  /** Whether it needs a browser, and not Node. */
  readonly isOfBrowser: boolean;
}

function readReport(file: string): Report {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const [code, expected, actual] = [...text.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(
    ([, block]) => block!.trimEnd(),
  );
  return {
    file,
    code: code!.replace(/^import .*;$/gm, ''),
    expected: expected!,
    actual: actual!,
    isFixed: text.startsWith(FIXED),
    isOfBrowser: /^TensorFlow\.js .*Chromium\.$/m.test(text),
  };
}

export const readReports = (): Report[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .map(readReport);
