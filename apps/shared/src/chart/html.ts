const NAMED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text for HTML, also inside attributes: characters with a meaning there are escaped, and control characters, which HTML
 * forbids, become their pictures (␀).
 */
export const escaped = (text: string): string =>
  text
    .replaceAll(/[&<>"']/g, (character) => NAMED[character] as string)
    .replaceAll(/(?![\n\t])\p{Cc}/gu, (character) => {
      const code = character.codePointAt(0) as number;
      return code < 0x20 ? String.fromCodePoint(0x2400 + code) : '\ufffd';
    });

/** A table whose first row is the head and whose first column names the rows; the caption stays in place when it scrolls. */
export function htmlTable(rows: readonly (readonly string[])[], caption: string): string {
  const [head = [], ...body] = rows;
  const th = (scope: string, cell: string): string => `<th scope="${scope}">${escaped(cell)}</th>`;
  const line = (row: readonly string[]): string =>
    `<tr>${row.map((cell, i) => (i === 0 ? th('row', cell) : `<td>${escaped(cell)}</td>`)).join('')}</tr>`;
  return `<p class="faint">${escaped(caption)}</p>
<div class="scroll" tabindex="0" role="region" aria-label="${escaped(caption)}"><table>
<thead><tr>${head.map((cell) => th('col', cell)).join('')}</tr></thead>
<tbody>
${body.map(line).join('\n')}
</tbody></table></div>`;
}
