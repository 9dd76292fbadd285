// Letters that lower-casing leaves apart although they are one letter: final sigma depends on its neighbours there, and
// long s is an s to a pattern that ignores case.
const variants = /[ς\u017f]/g;

/** Text in one composed form, as all tests compare it. */
export function composed(text: string): string {
  return isAscii(text) ? text : text.normalize("NFC");
}

/** Composed text without case, character by character: a part of a text folds to a part of the folded text. */
export function foldCase(composedText: string): string {
  const lower = composedText.toLowerCase();
  return isAscii(lower) ? lower : lower.replace(variants, (letter) => (letter === "ς" ? "σ" : "s"));
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
