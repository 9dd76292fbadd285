import type { Verdict } from "@mailfold/policy";

/** Octets of an encoded word's text that keep it within 75 characters (RFC 2047 2), whatever the characters are. */
const wordOctetsMax = 42;

/** Field text in ASCII: what is beyond it becomes encoded words (RFC 2047), folded. Line ends and controls become blanks. */
export function fieldText(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, " ").trim();
  if (/^[ -~]*$/.test(line)) return line;
  const words: string[] = [];
  let word = "";
  for (const character of line) {
    if (Buffer.byteLength(word + character) > wordOctetsMax) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  words.push(word);
  return words.map((each) => `=?UTF-8?B?${Buffer.from(each).toString("base64")}?=`).join("\r\n ");
}

/** Fields that rules ask for, as lines with CRLF. */
export function ruleFields(headers: NonNullable<Verdict["delivery"]>["headers"]): string {
  return (headers ?? []).map(({ name, value }) => `${name}: ${fieldText(value)}\r\n`).join("");
}

const junkReasons = /-(?:junk|tagged|marked|quarantine)$/;

/** X-Mailfold-Spam: whether the copy counts as spam, its points, and what they are made of; "" when nothing was scored. */
export function spamField({ action, reason, score, scoreParts }: Verdict): string {
  const isSpam = action === "junk" || junkReasons.test(reason);
  if (score === undefined && !isSpam) return "";
  const parts = (scoreParts ?? []).filter(({ points }) => points !== 0).slice(0, 30);
  const named = parts.map(
    ({ name, points }) =>
      `${fieldText(name)
        .replace(/[;\s]+/g, "-")
        .slice(0, 80)}=${points}`,
  );
  const items = [`${isSpam ? "yes" : "no"}; score=${score ?? 0}`, ...named];
  return `X-Mailfold-Spam: ${items.join(";\r\n\t")}\r\n`;
}
