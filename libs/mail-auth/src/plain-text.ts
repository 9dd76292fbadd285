/** Strangers' text made fit for a result: one line, printable ASCII, capped. */
export function plainText(value: unknown, lengthMax = 255): string {
  if (typeof value !== "string") return "";
  const line = value.slice(0, lengthMax * 4).replace(/[^\x20-\x7e]+/g, " ");
  return line.replace(/ +/g, " ").trim().slice(0, lengthMax);
}

/** A detail for a result; nothing for an empty one. */
export function detailOf(value: unknown): { detail?: string } {
  const detail = plainText(value);
  return detail === "" ? {} : { detail };
}
