import { addressDomain, fieldOf, type ParsedMessage } from "./message.ts";
import { foldText, normaliseWord } from "./normalise-word.ts";
import { type MessageContent, readContent } from "./read-content.ts";

/** Raised whenever the same message would give other tokens: what was learned before does not fit any more. */
export const tokenizerVersion = 1;
/** Distinct tokens kept of one message. */
export const tokensMax = 2_000;

const wordCharactersMin = 3;
const wordCharactersMax = 40;
const wordsMax = 20_000;
// Scripts written without blanks between words: pairs of characters stand for words.
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
const wordPattern = /[\p{L}\p{N}$@](?:[\p{L}\p{N}._*~|@$!'’-]{0,79}[\p{L}\p{N}])?/gu;

/**
 * The distinct tokens of a message, in order of appearance and at most tokensMax: `s:` words of the subject, `f:` the
 * From domain and its parents, `b:` words of the body, `u:` hosts of URLs, `h:` shapes of the header. Deterministic.
 */
export function tokenize(message: ParsedMessage, content: MessageContent = readContent(message)): readonly string[] {
  const tokens = new Set<string>();
  const add = (token: string): void => {
    if (tokens.size < tokensMax) tokens.add(token);
  };
  const subject = fieldOf(message, "subject").slice(0, 998);
  const from = addressDomain(fieldOf(message, "from"));
  for (const domain of withParents(from)) add(`f:${domain}`);
  for (const shape of headerShapes(message, subject, from)) add(`h:${shape}`);
  for (const word of words(subject)) add(`s:${word}`);
  for (const host of content.hosts) {
    for (const name of withParents(host)) add(`u:${name}`);
  }
  for (const word of words(content.visible)) add(`b:${word}`);
  return [...tokens];
}

/** A host name and its parents down to two labels. */
function withParents(host: string): readonly string[] {
  if (host === "") return [];
  const labels = host.split(".").slice(-4);
  const names = [host];
  for (let at = 1; at <= labels.length - 2; at += 1) names.push(labels.slice(at).join("."));
  return [...new Set(names)];
}

/** Words as they are counted, each as it is written once; `*` marks that some word was disguised. */
function* words(text: string): Generator<string> {
  let count = 0;
  const seen = new Set<string>();
  for (const [raw] of joinSpacedLetters(foldText(text)).matchAll(wordPattern)) {
    count += 1;
    if (count > wordsMax) return;
    if (seen.has(raw)) continue;
    seen.add(raw);
    if (unspaced.test(raw)) {
      yield* pairs(raw);
      continue;
    }
    const { word, disguised } = normaliseWord(raw);
    if (disguised) yield "*disguised";
    if (word.length < wordCharactersMin) continue;
    yield word.length > wordCharactersMax ? `*long${Math.min(9, Math.floor(word.length / 20))}` : word;
  }
}

/** `r e f i` -> `refi`: four and more single letters with one blank between them. */
function joinSpacedLetters(text: string): string {
  return text.replace(/(?<![\p{L}\p{N}])\p{L}(?: \p{L}(?![\p{L}\p{N}'’])){3,30}/gu, (run) => run.replaceAll(" ", "."));
}

function* pairs(run: string): Generator<string> {
  const characters = [...run];
  for (let at = 0; at + 1 < characters.length; at += 1) yield `${characters[at]}${characters[at + 1]}`;
}

/** Traits of the header that spam tools and mail clients differ in. Only fields that a sender writes are looked at. */
function* headerShapes(message: ParsedMessage, subject: string, from: string): Generator<string> {
  const type = fieldOf(message, "content-type").toLowerCase();
  yield `type=${/^\s*([a-z]{1,20}\/[a-z0-9.+-]{1,40})/.exec(type)?.[1] ?? "none"}`;
  const charset = /charset\s*=\s*"?([a-z0-9_-]{1,20})/.exec(type)?.[1];
  if (charset !== undefined) yield `charset=${charset}`;
  const mailer = fieldOf(message, "x-mailer") || fieldOf(message, "user-agent");
  yield `mailer=${/[a-z]{2,30}/.exec(mailer.toLowerCase())?.[0] ?? "none"}`;
  for (const name of ["message-id", "date", "to", "subject", "list-unsubscribe", "in-reply-to", "precedence"]) {
    yield `${fieldOf(message, name).trim() === "" ? "no" : "has"}-${name}`;
  }
  const reply = addressDomain(fieldOf(message, "reply-to"));
  if (reply !== "" && reply !== from) yield "reply-elsewhere";
  const letters = subject.replace(/[^\p{L}]/gu, "");
  if (letters.length >= 8 && letters === letters.toUpperCase() && letters !== letters.toLowerCase())
    yield "subject-shouts";
  if (/[!?]{2,}/.test(subject)) yield "subject-exclaims";
  if (/[$€£]\s?\d/.test(subject)) yield "subject-money";
  for (const attachment of (message.attachments ?? []).slice(0, 10)) {
    const ending = /\.([a-z0-9]{1,8})\s*$/i.exec(attachment.name ?? "")?.[1];
    yield `attached=${ending?.toLowerCase() ?? attachment.contentType.toLowerCase().slice(0, 40)}`;
  }
}
