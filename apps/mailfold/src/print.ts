/** Prints a result on stdout: JSON when asked, else a table of the named columns. */
export function printRows(
  rows: readonly Readonly<Record<string, unknown>>[],
  columns: readonly string[],
  json: boolean,
): void {
  if (json) return printJson(rows);
  const texts = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...texts.map((text) => text[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `${cells
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd()}\n`;
  process.stdout.write(line(columns));
  for (const text of texts) process.stdout.write(line(text));
}

/** A Relay connection as the lists ask for it, with pageFields. */
export interface Page {
  readonly nodes: readonly Readonly<Record<string, unknown>>[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
}
export const pageFields = "pageInfo { hasNextPage endCursor }";

/** Prints one page of a list on stdout; that there is more, and how to see it, goes to stderr. */
export function printPage(page: Page | null | undefined, columns: readonly string[], json: boolean): void {
  printRows(page?.nodes ?? [], columns, json);
  if (page?.pageInfo.hasNextPage === true) process.stderr.write(`more with --after ${page.pageInfo.endCursor}\n`);
}

/** Prints one object: JSON when asked, else `name  value` lines. */
export function printRecord(record: Readonly<Record<string, unknown>>, json: boolean): void {
  if (json) return printJson(record);
  const width = Math.max(0, ...Object.keys(record).map((key) => key.length));
  for (const [key, value] of Object.entries(record)) process.stdout.write(`${key.padEnd(width)}  ${cell(value)}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: names come from other people; a terminal must not obey them.
const controls = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

function cell(value: unknown): string {
  const text =
    value === null || value === undefined ? "-" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.replace(controls, "?");
}
