import { InvalidArgumentError } from "commander";

/** `name=value` with the value as JSON or plain text; `name=` has none. */
export function parseSetting(text: string): readonly [name: string, value: unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`${text}: write name=value, or name= to unset`);
  const value = text.slice(at + 1);
  if (value === "") return [text.slice(0, at), undefined];
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}
