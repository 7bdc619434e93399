/** Rows of cells as aligned columns; columns of text to the left, those of numbers, named by their index, to the right. */
export function columns(
  rows: readonly (readonly string[])[],
  isRight: (column: number) => boolean = (column) => column > 0,
): string {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  const aligned = (cell: string, c: number): string =>
    isRight(c) ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0);
  return rows.map((row) => row.map(aligned).join('  ').trimEnd()).join('\n');
}
