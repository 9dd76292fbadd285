import type { TenantId } from "@mailfold/kernel";
import { combineProbabilities } from "./chi-square.ts";
import { type TokenCounts, type TokenReading, type TokenStore, tokenKey } from "./token-store.ts";

/** Settings of the classifier; each has a default in defaultClassifierOptions. */
export interface ClassifierOptions {
  /** Probability from which a message is spam: the ancestor's spam probability threshold. */
  readonly spamAbove: number;
  /** Probability up to which it is ham; between the two it is unsure. */
  readonly hamBelow: number;
  /** Assumed of a word never seen: the ancestor's new-word probability. */
  readonly newWordProbability: number;
  /** How many sightings the assumption is worth. */
  readonly newWordWeight: number;
  /** Tokens nearer to 0.5 than this say nothing. */
  readonly deviationMin: number;
  /** The strongest tokens that are combined. */
  readonly tokensUsedMax: number;
  /** With fewer telling tokens than this a message stays unsure: two chance words must not condemn a stranger's mail. */
  readonly tokensUsedMin: number;
  /** Messages of each kind that must have been trained before the classifier speaks. */
  readonly messagesMin: number;
}

/** Cautious: a message is called spam only on strong agreement, and only by a classifier that has seen both kinds. */
export const defaultClassifierOptions: ClassifierOptions = {
  spamAbove: 0.95,
  hamBelow: 0.2,
  newWordProbability: 0.45,
  newWordWeight: 0.5,
  deviationMin: 0.1,
  tokensUsedMax: 150,
  tokensUsedMin: 6,
  messagesMin: 20,
};

/** A token that took part in the decision. */
export interface DecidingToken {
  readonly token: string;
  /** Of spam, given this token alone. */
  readonly probability: number;
  readonly counts: TokenCounts;
}

/** What the classifier says of a message; `untrained` = too little mail of one kind has been marked. */
export interface Classification {
  readonly verdict: "spam" | "ham" | "unsure" | "untrained";
  /** Of spam; 0.5 when untrained. */
  readonly probability: number;
  /** The strongest first, at most 15. */
  readonly tokens: readonly DecidingToken[];
  readonly tokensUsed: number;
  /** Messages trained. */
  readonly trained: TokenCounts;
}

/** One message's part in training: its tokens (from `tokenize`), what it was marked as, and the day of the mark. */
export interface Training {
  readonly tokens: readonly string[];
  readonly kind: "spam" | "ham";
  /** Days since 1970-01-01. */
  readonly day: number;
}

/**
 * A statistical classifier, one corpus a tenant. Deterministic: same trainings in any order, same answer. Whoever calls
 * takes back only what was trained before; taking back undoes a training exactly, as long as nothing was evicted.
 */
export interface Classifier {
  classify(tenantId: TenantId, tokens: readonly string[]): Promise<Classification>;
  train(tenantId: TenantId, training: Training): Promise<void>;
  untrain(tenantId: TenantId, training: Training): Promise<void>;
  /** A mark that changed sides: takes back the old kind and trains the new one in one transaction. */
  retrain(tenantId: TenantId, training: Training): Promise<void>;
}

const tokensShownMax = 15;

/** Builds a classifier over a store; options left out take their defaults. */
export function createClassifier(store: TokenStore, given: Partial<ClassifierOptions> = {}): Classifier {
  const options = { ...defaultClassifierOptions, ...given };
  const keysOf = (tokens: readonly string[]): number[] => [...new Set(tokens.map(tokenKey))];
  return {
    async classify(tenantId, tokens) {
      return judgeTokens(tokens, await store.read(tenantId, keysOf(tokens)), options);
    },
    train: (tenantId, { tokens, kind, day }) => store.apply(tenantId, [{ kind, by: 1, keys: keysOf(tokens), day }]),
    untrain: (tenantId, { tokens, kind, day }) => store.apply(tenantId, [{ kind, by: -1, keys: keysOf(tokens), day }]),
    retrain(tenantId, { tokens, kind, day }) {
      const keys = keysOf(tokens);
      const other = kind === "spam" ? "ham" : "spam";
      // The new kind first: a token at its last count must not be dropped and forget when it was seen.
      return store.apply(tenantId, [
        { kind, by: 1, keys, day },
        { kind: other, by: -1, keys, day },
      ]);
    },
  };
}

/** The pure half of classify: tokens and what the store knows of them in, classification out. */
export function judgeTokens(
  tokens: readonly string[],
  { messages, counts }: TokenReading,
  options: ClassifierOptions,
): Classification {
  if (Math.min(messages.spam, messages.ham) < Math.max(1, options.messagesMin)) {
    return { verdict: "untrained", probability: 0.5, tokens: [], tokensUsed: 0, trained: messages };
  }
  const strong: DecidingToken[] = [];
  for (const token of new Set(tokens)) {
    const seen = counts.get(tokenKey(token));
    if (seen === undefined) continue;
    const probability = tokenProbability(seen, messages, options);
    if (Math.abs(probability - 0.5) >= options.deviationMin) strong.push({ token, probability, counts: seen });
  }
  // Ties are broken by the token itself: the answer must not depend on where in the message it stands.
  strong.sort((a, b) => Math.abs(b.probability - 0.5) - Math.abs(a.probability - 0.5) || (a.token < b.token ? -1 : 1));
  const used = strong.slice(0, options.tokensUsedMax);
  const probability = combineProbabilities(used.map((token) => token.probability));
  const verdict = used.length < options.tokensUsedMin ? "unsure" : verdictOf(probability, options);
  return { verdict, probability, tokens: used.slice(0, tokensShownMax), tokensUsed: used.length, trained: messages };
}

function verdictOf(probability: number, { spamAbove, hamBelow }: ClassifierOptions): "spam" | "ham" | "unsure" {
  if (probability >= spamAbove) return "spam";
  return probability <= hamBelow ? "ham" : "unsure";
}

/** Robinson's f(w): the share of spam among sightings, both kinds weighed alike, drawn to the new word's probability. */
function tokenProbability(seen: TokenCounts, messages: TokenCounts, options: ClassifierOptions): number {
  const spamShare = Math.min(1, seen.spam / messages.spam);
  const hamShare = Math.min(1, seen.ham / messages.ham);
  const sightings = seen.spam + seen.ham;
  if (sightings === 0) return options.newWordProbability;
  const share = spamShare / (spamShare + hamShare);
  const weight = options.newWordWeight;
  return (weight * options.newWordProbability + sightings * share) / (weight + sightings);
}
