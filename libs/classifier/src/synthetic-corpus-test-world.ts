import type { ParsedMessage } from "./message.ts";

/** A made-up message and what it is. `hard`: spam that writes like ham, or ham that writes like spam. */
export interface SyntheticMessage {
  readonly kind: "spam" | "ham";
  readonly hard: boolean;
  readonly message: ParsedMessage;
}

/** Numbers in [0, 1), the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const spamSeeds =
  "refinance mortgage viagra pharmacy casino winner lottery unsecured loan cheap replica rolex bitcoin investment profit guaranteed miracle weight enlarge prince inheritance transfer urgent claim prize clearance debt approval bonus jackpot";
const hamSeeds =
  "meeting agenda invoice schedule project report draft review budget kitchen school holiday train ticket recipe garden server deploy patch commit thanks lunch photo birthday contract delivery appointment minutes tomorrow";
// Both kinds use these: the overlap that makes the corpus more than two bags of words.
const bothSeeds =
  "free offer account click payment price order today best save limited customer confirm update service";
const syllables = "ka lo mi ren tas vor del ani qu est pra shu ben nor fil gat um ise tor wen".split(" ");

function made(count: number, seed: number): readonly string[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 + Math.floor(random() * 2) }, () => syllables[Math.floor(random() * syllables.length)]).join(
      "",
    ),
  );
}

const vocabulary = {
  common: [...made(1_500, 1), ..."the and you for with this that have from your not are".split(" ")],
  spam: [...spamSeeds.split(" "), ...made(400, 2)],
  ham: [...hamSeeds.split(" "), ...made(700, 3)],
  both: bothSeeds.split(" "),
};

/** `count` messages, alternately drawn spam and ham, a fifth of them hard. Deterministic by seed. */
export function syntheticCorpus(seed: number, count: number): readonly SyntheticMessage[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) =>
    makeMessage(random, index % 2 === 0 ? "spam" : "ham", random() < 0.2),
  );
}

function makeMessage(random: () => number, kind: "spam" | "ham", hard: boolean): SyntheticMessage {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() ** 1.7 * list.length)] as T;
  const other = kind === "spam" ? "ham" : "spam";
  // Hard messages borrow from the other side nearly as much as they say on their own.
  const own = hard ? 0.07 : 0.16;
  const borrowed = hard ? 0.06 : 0.02;
  const word = (): string => {
    const draw = random();
    if (draw < own) return kind === "spam" ? disguise(random, pick(vocabulary.spam)) : pick(vocabulary.ham);
    if (draw < own + borrowed) return pick(vocabulary[other]);
    return draw < own + borrowed + 0.1 ? pick(vocabulary.both) : pick(vocabulary.common);
  };
  const words = (length: number): string => Array.from({ length }, word).join(" ");
  const host = `${kind === "spam" && !hard ? "win" : "mail"}${Math.floor(random() * 400)}.${kind === "spam" ? "promo" : "office"}.example`;
  const body = words((hard ? 15 : 30) + Math.floor(random() * 120));
  const html = random() < (kind === "spam" ? 0.7 : 0.4);
  const link = random() < (kind === "spam" ? 0.8 : 0.3) ? `https://${host}/x` : "";
  return {
    kind,
    hard,
    message: {
      headers: [
        {
          name: "from",
          value: `${pick(vocabulary.common)} <${pick(vocabulary.common)}@${random() < 0.5 ? "freemail.example" : host}>`,
        },
        { name: "to", value: "user@customer.example" },
        { name: "subject", value: words(3 + Math.floor(random() * 5)) },
        { name: "date", value: "Tue, 1 Sep 2026 10:00:00 +0000" },
        { name: "message-id", value: `<${Math.floor(random() * 1e9)}@${host}>` },
      ],
      texts: [
        html
          ? { type: "html", text: `<p>${body}</p><a href="${link}">here</a>` }
          : { type: "plain", text: `${body}\n${link}` },
      ],
    },
  };
}

/** Four in ten spam words are written the way filters are dodged. */
function disguise(random: () => number, word: string): string {
  const way = random();
  if (way < 0.1) return word.split("").join(".");
  if (way < 0.2) return word.replace(/(?<=[a-z])[aeio](?=[a-z])/, (v) => ({ a: "4", e: "3", i: "1", o: "0" })[v] ?? v);
  if (way < 0.3) return `${word.slice(0, 2)}\u200b${word.slice(2)}`;
  if (way < 0.4) return word.replace("a", "\u0430").replace("o", "\u043e");
  return word;
}
