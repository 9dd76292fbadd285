/** Letters of other scripts, and digits and signs, that stand in for a Latin letter inside an otherwise Latin word. */
const lookAlikes: ReadonlyMap<string, string> = new Map([
  ..."аa,вb,еe,кk,мm,нh,оo,рp,сc,тt,уy,хx,іi,јj,ѕs"
    .split(",")
    .map((pair) => [pair[0] ?? "", pair.at(-1) ?? ""] as const),
  ..."αa,βb,εe,ιi,κk,νv,οo,ρp,τt,υu,χx".split(",").map((pair) => [pair[0] ?? "", pair.at(-1) ?? ""] as const),
]);
const digitLetters: ReadonlyMap<string, string> = new Map([
  ["0", "o"],
  ["1", "i"],
  ["3", "e"],
  ["4", "a"],
  ["5", "s"],
  ["7", "t"],
  ["@", "a"],
  ["$", "s"],
  ["!", "i"],
]);

// Format characters, and the Hangul fillers that fonts leave blank; variation selectors go with the marks.
const invisible = /[\p{Cf}\u115f\u1160]/gu;
const marks = /\p{M}+/gu;

/** Text before it is cut into words: compatibility forms and case folded, invisible characters and accents removed. */
export function foldText(text: string): string {
  return text.normalize("NFKD").replace(invisible, "").replace(marks, "").toLowerCase();
}

/** A word as it is counted, and whether it had been disguised. */
export interface NormalisedWord {
  readonly word: string;
  readonly disguised: boolean;
}

/**
 * The ancestor's word normalisation on folded text: single letters joined by dots, dashes, underscores or stars become
 * one word (`r.e.f.i` -> `refi`), digits and signs between letters become the letters they stand for (`v1agra`), and
 * letters of another script that look Latin become Latin in a word that is mostly Latin.
 */
export function normaliseWord(raw: string): NormalisedWord {
  // Most words are letters alone: there is nothing to undo, and each pattern below costs more than this one.
  if (/^[a-z]+$/.test(raw)) return { word: raw, disguised: false };
  let word = raw;
  if (/^\p{L}(?:[._*~|-]+[\p{L}\d@$!]){2,}[._*~|-]?$/u.test(word)) word = word.replace(/[._*~|-]+/g, "");
  word = word.replace(/^[^\p{L}\p{N}$@]+|[^\p{L}\p{N}]+$/gu, "");
  word = withoutLookAlikes(word);
  if (/^[a-z][a-z0-9@$!]*$/.test(word) && /[0-9@$!]/.test(word) && isLetterDisguise(word)) {
    word = word.replace(/[013457@$!]/g, (sign) => digitLetters.get(sign) ?? sign);
  }
  return { word, disguised: word !== trimmed(raw) };
}

function trimmed(raw: string): string {
  return raw.replace(/^[^\p{L}\p{N}$@]+|[^\p{L}\p{N}]+$/gu, "");
}

/** Signs stand between letters and letters are the majority: `v1agra`, `ca$h`; neither `mp3` nor `b2b4x`. */
function isLetterDisguise(word: string): boolean {
  const letters = word.replace(/[^a-z]/g, "").length;
  return /[a-z][013457@$!]+[a-z]/.test(word) && letters >= 3 && letters * 2 > word.length;
}

function withoutLookAlikes(word: string): string {
  const latin = word.match(/[a-z]/g)?.length ?? 0;
  const others = word.match(/[\u0370-\u03ff\u0400-\u04ff]/g)?.length ?? 0;
  if (others === 0 || latin < others) return word;
  return word.replace(/[\u0370-\u03ff\u0400-\u04ff]/g, (letter) => lookAlikes.get(letter) ?? letter);
}
