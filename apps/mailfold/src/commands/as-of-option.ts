import { InvalidArgumentError } from "commander";

/** GraphQL's AsOfInput from a position or a time. */
export function parseMoment(text: string): Readonly<Record<string, string>> {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const time = /T.*(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(time)) throw new InvalidArgumentError("a time is RFC 3339 with a zone: 2026-11-24T09:30:00Z");
    return { time: new Date(time).toISOString() };
  }
  if (/^[0-9A-Za-z-]+\.[0-9A-Za-z:_-]+$/.test(text)) return { position: text };
  throw new InvalidArgumentError("allowed are: a time like 2026-11-24T09:30:00Z, or a position from a receipt");
}

export const momentHelp = "a time, e.g. 2026-11-24T09:30:00Z, or a position";
