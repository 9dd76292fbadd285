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

/** A phrase list made ready for matching: a trie of words, so that a list costs no more the longer it grows. */
export interface CompiledPhrases {
  readonly root: PhraseNode;
}

/** Phrases that end here, and words that may follow. */
export interface PhraseNode {
  readonly next: Map<string, PhraseNode>;
  readonly entries: PhraseEntry[];
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
):
  | { readonly phrases: CompiledPhrases; readonly problems?: never }
  | { readonly phrases?: never; readonly problems: readonly PhraseProblem[] } {
  const problems: PhraseProblem[] = [];
  if (entries.length > phraseLimits.phrases) {
    return {
      problems: [{ index: phraseLimits.phrases, message: `a list holds at most ${phraseLimits.phrases} phrases` }],
    };
  }
  const root: PhraseNode = { next: new Map(), entries: [] };
  entries.forEach((entry, index) => {
    const words = phraseWords(entry.phrase.slice(0, phraseLimits.characters + 1));
    if (entry.phrase.length > phraseLimits.characters)
      problems.push({ index, message: `longer than ${phraseLimits.characters} characters` });
    else if (words.length === 0) problems.push({ index, message: "a phrase needs at least one letter or digit" });
    else if (words.length > phraseLimits.words)
      problems.push({ index, message: `more than ${phraseLimits.words} words` });
    else if (!Number.isFinite(entry.weight)) problems.push({ index, message: "a weight is a number" });
    else addPhrase(root, words, entry);
  });
  return problems.length > 0 ? { problems } : { phrases: { root } };
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

function addPhrase(root: PhraseNode, words: readonly string[], entry: PhraseEntry): void {
  let node = root;
  for (const word of words) {
    const next: PhraseNode = node.next.get(word) ?? { next: new Map(), entries: [] };
    node.next.set(word, next);
    node = next;
  }
  node.entries.push(entry);
}

function collect(
  words: readonly string[],
  where: "subject" | "body",
  { root }: CompiledPhrases,
  hits: Map<PhraseEntry, "subject" | "body">,
): void {
  for (let start = 0; start < words.length; start += 1) {
    let node: PhraseNode | undefined = root;
    for (let at = start; node !== undefined && at <= words.length; at += 1) {
      for (const entry of node.entries) {
        if ((entry.in === "both" || entry.in === where) && !hits.has(entry)) hits.set(entry, where);
      }
      node = node.next.get(words[at] ?? "");
    }
  }
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
