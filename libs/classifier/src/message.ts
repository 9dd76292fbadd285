import type { MimeFlag } from "@mailfold/kernel";

/** A header field as tokenizer and checks read it: name lower case, value unfolded and decoded. */
export interface MessageField {
  readonly name: string;
  readonly value: string;
}

/** A parsed message: all that tokenizer and content checks look at. Texts are decoded; parts come in message order. */
export interface ParsedMessage {
  readonly headers: readonly MessageField[];
  readonly texts: readonly { readonly type: "plain" | "html"; readonly text: string }[];
  readonly attachments?: readonly { readonly name?: string; readonly contentType: string }[];
  readonly mimeFlags?: readonly MimeFlag[];
}

/** Something a content check saw: a name of the catalogue, what it adds to the score, and what was seen. */
export interface Finding {
  readonly name: string;
  readonly score: number;
  /** At most 200 characters, for a person. */
  readonly detail: string;
}

/** Characters of one text part that are looked at; what lies behind is left out, so that work stays bounded. */
export const textCharactersMax = 262_144;

/** The first field of this name (lower case), or "". */
export function fieldOf(message: ParsedMessage, name: string): string {
  return message.headers.find((field) => field.name === name)?.value ?? "";
}

/** Domain of the first address in a From-like field, lower case; "" when there is none. */
export function addressDomain(value: string): string {
  const text = value.slice(0, 2_000);
  const bracketed = text.slice(text.lastIndexOf("<") + 1);
  return (/@([a-z0-9.-]{1,253})/i.exec(bracketed)?.[1] ?? "").toLowerCase().replace(/\.+$/, "");
}
