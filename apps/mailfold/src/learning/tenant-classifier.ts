import {
  type ClassifierOptions,
  defaultClassifierOptions,
  judgeTokens,
  openTokenReader,
  type TokenReader,
  tokenKey,
  tokensMax,
} from "@mailfold/classifier";
import type { TenantId } from "@mailfold/kernel";
import type { ClassifierFact } from "@mailfold/policy";

/** Judges messages by what each tenant's users marked. */
export interface TenantClassifier {
  /**
   * `tokens` as libs/classifier `tokenize` makes them; at most 2,000 are looked at, which takes a few milliseconds. Where
   * nothing is known, or the file cannot be read, the answer is `untrained`.
   */
  classify(tenantId: TenantId, tokens: readonly string[]): ClassifierFact;
  /** The writer began the file anew. */
  reopen(): void;
  close(): void;
}

const tokensShownMax = 5;
/** How long a file that cannot be read is left alone. */
const retryAfterMs = 1_000;
const untrained: ClassifierFact = { verdict: "untrained", probability: 0.5, tokens: [] };

/** A classifier over DATA/classifier.db, which the learner keeps. `onFault` hears why it cannot be read. */
export function createTenantClassifier(
  path: string,
  onFault: (error: unknown) => void,
  options: ClassifierOptions = defaultClassifierOptions,
): TenantClassifier {
  let reader: TokenReader | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  const shut = (): void => {
    reader?.close();
    reader = undefined;
  };
  return {
    classify(tenantId, tokens) {
      if (performance.now() - failedAt < retryAfterMs) return untrained;
      const used = tokens.slice(0, tokensMax);
      try {
        reader ??= openTokenReader(path);
        const judged = judgeTokens(used, reader.read(tenantId, [...new Set(used.map(tokenKey))]), options);
        return {
          verdict: judged.verdict,
          probability: Math.round(judged.probability * 10_000) / 10_000,
          tokens: judged.tokens.slice(0, tokensShownMax).map(({ token }) => token),
        };
      } catch (error) {
        failedAt = performance.now();
        shut();
        onFault(error);
        return untrained;
      }
    },
    reopen() {
      shut();
      failedAt = Number.NEGATIVE_INFINITY;
    },
    close: shut,
  };
}
