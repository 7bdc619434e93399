/** The tables of what runs compiled. */
import type { Verdict } from './sweep.ts';

/** What was tried of one thing. */
export interface Row {
  readonly name: string;
  readonly tried: readonly {
    readonly label: string;
    readonly verdicts: readonly (Verdict | null)[];
  }[];
}

const INTRODUCTION =
  'Written by `npx vitest run packages/native/src/compile/sweep.test.ts -u`; the same test fails when it no longer holds. ' +
  'Each call gets other values four times, with the same shapes.';

/** `equal`, and what is refused: by compile with the reason, by tfjs-node with what was tried. */
function cell(row: Row, column: number): [compiled: string, byItself: string] {
  const of = (kind: Verdict['kind']) =>
    row.tried.filter(({ verdicts }) => verdicts[column]?.kind === kind);
  const parts: string[] = [];
  const equal = of('equal').length;
  if (equal > 0) parts.push(`equal (${equal})`);
  for (const { label, verdicts } of of('refused')) {
    const { why } = verdicts[column] as { why: string };
    // The sentence that says what was received.
    parts.push(`refused (${label}): ${why.replace('compile: ', '').split(' Try ')[0]}`);
  }
  return [
    parts.join('; ') || '–',
    of('no')
      .map(({ label }) => label)
      .join('; '),
  ];
}

/** A table in Markdown; the first column of verdicts is the call's own, a second one that of its gradient. */
export function table(title: string, sections: Readonly<Record<string, readonly Row[]>>): string {
  const lines = [`# ${title}`, '', INTRODUCTION];
  for (const [section, rows] of Object.entries(sections)) {
    const hasGradients = rows.some(({ tried }) =>
      tried.some(({ verdicts }) => verdicts.length > 1),
    );
    const columns = [
      section,
      'compiled',
      ...(hasGradients ? ['its gradient'] : []),
      'tfjs-node refuses',
    ];
    lines.push('', `| ${columns.join(' | ')} |`, `|${'---|'.repeat(columns.length)}`);
    for (const row of rows) {
      const [compiled, refused] = cell(row, 0);
      const gradient = hasGradients ? [cell(row, 1)[0]] : [];
      lines.push(`| ${[`\`${row.name}\``, compiled, ...gradient, refused].join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** What is neither equal nor refused by name. */
export function wrong(rows: readonly Row[]): string[] {
  return rows.flatMap(({ name, tried }) =>
    tried.flatMap(({ label, verdicts }) =>
      verdicts.flatMap((verdict) =>
        verdict?.kind === 'wrong' ? [`${name} (${label}): ${verdict.why}`] : [],
      ),
    ),
  );
}
