import type { Finding, ParsedMessage } from "./message.ts";
import { fieldOf } from "./message.ts";
import { foldText, normaliseWord } from "./normalise-word.ts";
import type { MessageContent } from "./read-content.ts";

/** An entry of a phrase list: words in this order, compared after word normalisation. */
export interface PhraseEntry {
  readonly phrase: string;
  readonly in: "subject" | "body" | "both";
  /** Added to the score once, however often the phrase occurs. */
  readonly weight: number;
}

/** A phrase list made ready for matching. */
export interface CompiledPhrases {
  readonly byFirstWord: ReadonlyMap<
    string,
    readonly { readonly entry: PhraseEntry; readonly words: readonly string[] }[]
  >;
}

/** Phrases of one list, characters and words of one phrase. */
export const phraseLimits = { phrases: 5_000, characters: 255, words: 16 } as const;
const wordsReadMax = 20_000;
const findingsMax = 50;

/** A phrase that cannot be used: where in the list, and why. */
export interface PhraseProblem {
  readonly index: number;
  readonly message: string;
}

/** Compiles a phrase list (the ancestor's phrase-list.txt), or says what is wrong with it. */
export function compilePhrases(
  entries: readonly PhraseEntry[],
): { readonly phrases: CompiledPhrases; readonly problems?: never } | { readonly problems: readonly PhraseProblem[] } {
  const problems: PhraseProblem[] = [];
  if (entries.length > phraseLimits.phrases) {
    return {
      problems: [{ index: phraseLimits.phrases, message: `a list holds at most ${phraseLimits.phrases} phrases` }],
    };
  }
  const byFirstWord = new Map<string, { entry: PhraseEntry; words: readonly string[] }[]>();
  entries.forEach((entry, index) => {
    const words = phraseWords(entry.phrase.slice(0, phraseLimits.characters + 1));
    const [first] = words;
    if (entry.phrase.length > phraseLimits.characters)
      problems.push({ index, message: `longer than ${phraseLimits.characters} characters` });
    else if (first === undefined) problems.push({ index, message: "a phrase needs at least one letter or digit" });
    else if (words.length > phraseLimits.words)
      problems.push({ index, message: `more than ${phraseLimits.words} words` });
    else if (!Number.isFinite(entry.weight)) problems.push({ index, message: "a weight is a number" });
    else byFirstWord.set(first, [...(byFirstWord.get(first) ?? []), { entry, words }]);
  });
  return problems.length > 0 ? { problems } : { phrases: { byFirstWord } };
}

/** Phrases of the list that occur in the subject or in what a reader sees of the body; at most 50 findings. */
export function findPhrases(
  message: ParsedMessage,
  content: MessageContent,
  phrases: CompiledPhrases,
): readonly Finding[] {
  const hits = new Map<PhraseEntry, "subject" | "body">();
  collect(phraseWords(fieldOf(message, "subject").slice(0, 998)), "subject", phrases, hits);
  collect(phraseWords(content.visible), "body", phrases, hits);
  return [...hits].slice(0, findingsMax).map(([entry, where]) => ({
    name: "phrase",
    score: entry.weight,
    detail: `${where}: ${entry.phrase}`.slice(0, 200),
  }));
}

function collect(
  words: readonly string[],
  where: "subject" | "body",
  { byFirstWord }: CompiledPhrases,
  hits: Map<PhraseEntry, "subject" | "body">,
): void {
  words.forEach((word, at) => {
    for (const candidate of byFirstWord.get(word) ?? []) {
      if (candidate.entry.in !== "both" && candidate.entry.in !== where) continue;
      if (hits.has(candidate.entry)) continue;
      if (candidate.words.every((expected, offset) => words[at + offset] === expected))
        hits.set(candidate.entry, where);
    }
  });
}

function phraseWords(text: string): readonly string[] {
  const words: string[] = [];
  for (const match of foldText(text).matchAll(/[\p{L}\p{N}$@](?:[\p{L}\p{N}._*~|@$!'’-]{0,79}[\p{L}\p{N}])?/gu)) {
    const { word } = normaliseWord(match[0]);
    if (word !== "") words.push(word);
    if (words.length >= wordsReadMax) break;
  }
  return words;
}
