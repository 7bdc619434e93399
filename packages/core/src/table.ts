/**
 * Rows of cells as lines of text with aligned columns, two spaces apart.
 *
 * @param rows the rows, including a header if there is one; all have as many cells as the first
 * @param options right: the index from which on columns are aligned to the right, as numbers are; by default none is
 * @example
 * console.log(drawTable([['run', 'loss'], ['multipliers', '1.25']], { right: 1 }));
 */
export function drawTable(
  rows: readonly (readonly string[])[],
  { right = Number.POSITIVE_INFINITY }: { readonly right?: number | undefined } = {},
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number): string =>
    column < right ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
