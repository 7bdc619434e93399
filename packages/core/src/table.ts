/**
 * Rows of cells as lines of text with aligned columns, two spaces apart.
 *
 * @param rows the rows, including a header if there is one; all have as many cells as the first
 * @param options align: the alignment of all columns but the first, `'left'` or `'right'`
 * @example
 * console.log(drawTable([['run', 'loss'], ['multipliers', '1.25']], { align: 'right' }));
 */
export function drawTable(
  rows: readonly (readonly string[])[],
  { align = 'left' }: { readonly align?: 'left' | 'right' | undefined } = {},
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number): string =>
    column === 0 || align === 'left'
      ? cell.padEnd(widths[column] ?? 0)
      : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
