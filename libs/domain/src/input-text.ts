import type { DomainRefusal } from "./refusals.ts";

/** Longest name, note, display name or external id, in UTF-16 units. */
export const textLengthMax = { name: 200, externalId: 200, note: 1_000, displayName: 200 } as const;

// Control characters, line and paragraph separators: they break logs, headers and tables.
const forbidden = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Refuses text that is blank where it may not be, too long, or not one line of printable text. */
export function checkText(
  field: keyof typeof textLengthMax,
  text: string | undefined,
  required = false,
): DomainRefusal | undefined {
  if (text === undefined) return required ? invalid(field, `${field} is missing`) : undefined;
  if (required && text.trim() === "") return invalid(field, `${field} must not be blank`);
  const max = textLengthMax[field];
  if (text.length > max) return invalid(field, `${field} must have at most ${max} characters`);
  const oneLine = field === "note" ? text.replaceAll(/\r?\n|\t/g, " ") : text;
  if (forbidden.test(oneLine) || !text.isWellFormed()) {
    return invalid(field, `${field} must not hold control characters`);
  }
  return undefined;
}

/** INVALID_INPUT for one field. */
export function invalid(field: string, message: string): DomainRefusal {
  return { code: "INVALID_INPUT", message, path: [field] };
}

/** The first refusal of several checks. */
export function firstRefusal(...checks: readonly (DomainRefusal | undefined)[]): DomainRefusal | undefined {
  return checks.find((check) => check !== undefined);
}

/** An object without its undefined members: event data has absent fields, never undefined ones. */
export function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
