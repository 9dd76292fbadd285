import { decodeHeaderText, fieldValue, headerEnd, headerFields } from "@mailfold/mime";
import { fieldText } from "./added-fields.ts";

/**
 * The message with `tag` put before its subject; the same bytes when it stands there already. A message without a subject
 * gets one. Signatures over the subject break by this: so only who asks for tags gets them.
 */
export function tagSubject(message: Buffer, tag: string): Buffer {
  const text = fieldText(tag);
  const end = headerEnd(message) ?? message.length;
  for (const field of headerFields(message, 0, end)) {
    if (field.name !== "subject") continue;
    if (decodeHeaderText(fieldValue(message, field)).startsWith(tag)) return message;
    const value = message.subarray(field.valueStart);
    return Buffer.concat([
      message.subarray(0, field.valueStart),
      Buffer.from(` ${text}`),
      startsBlank(value) ? value : withBlank(value),
    ]);
  }
  return Buffer.concat([Buffer.from(`Subject: ${text}\r\n`), message]);
}

function startsBlank(value: Buffer): boolean {
  return value[0] === 0x20 || value[0] === 0x09 || value[0] === 0x0d;
}

function withBlank(value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(" "), value]);
}
