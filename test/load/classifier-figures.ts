import {
  type Classifier,
  checkContent,
  createClassifier,
  createMemoryTokenStore,
  defaultTokensMax,
  tokenize,
} from "../../libs/classifier/src/index.ts";
import { type SyntheticMessage, syntheticCorpus } from "../../libs/classifier/src/synthetic-corpus-test-world.ts";
import type { TenantId } from "../../libs/kernel/src/index.ts";
import { readMessageText } from "../../libs/mime/src/index.ts";

export const corpusSeed = 7;
export const judgedCount = 2_000;
/** Messages trained, half of them spam: what a tenant has after some days, weeks, and a year. */
export const trainedCounts = [50, 200, 2_000] as const;

const tenant = "ten_report" as TenantId;

/** How one part of the corpus was judged. */
export interface PartFigures {
  readonly part: "all" | "easy" | "hard";
  readonly messages: number;
  /** Of those called spam, the share that is spam; undefined when none was called so. */
  readonly precision: number | undefined;
  /** Of the spam, the share called spam. */
  readonly recall: number;
  readonly hamCalledSpam: number;
  readonly spamCalledHam: number;
  readonly unsure: number;
}

export interface TrainedFigures {
  readonly trained: number;
  readonly parts: readonly PartFigures[];
}

/** What is said of a message of the real world. */
export interface SampleFigures {
  readonly name: string;
  readonly verdict: string;
  readonly probability: number;
  readonly tokensUsed: number;
  readonly findings: readonly string[];
}

/** A classifier that has seen this many synthetic messages; the same each time. */
export async function trainedClassifier(count: number): Promise<Classifier> {
  const classifier = createClassifier(createMemoryTokenStore({ tokensMax: defaultTokensMax }));
  for (const { kind, message } of syntheticCorpus(corpusSeed, count)) {
    await classifier.train(tenant, { tokens: tokenize(message), kind, day: 20_000 });
  }
  return classifier;
}

/** Judges synthetic messages that it was not trained on. `onJudged` hears how long each took, ms. */
export async function judgeCorpus(
  classifier: Classifier,
  trained: number,
  onJudged: (durationMs: number) => void = () => {},
): Promise<TrainedFigures> {
  const judged: { readonly of: SyntheticMessage; readonly verdict: string }[] = [];
  for (const of of syntheticCorpus(corpusSeed + 1, judgedCount)) {
    const startedAt = performance.now();
    const { verdict } = await classifier.classify(tenant, tokenize(of.message));
    onJudged(performance.now() - startedAt);
    judged.push({ of, verdict });
  }
  const parts = (["all", "easy", "hard"] as const).map((part): PartFigures => {
    const rows = judged.filter(({ of }) => part === "all" || of.hard === (part === "hard"));
    const amount = (kind: string, verdict: string): number =>
      rows.filter((row) => row.of.kind === kind && row.verdict === verdict).length;
    const called = amount("spam", "spam") + amount("ham", "spam");
    return {
      part,
      messages: rows.length,
      precision: called === 0 ? undefined : amount("spam", "spam") / called,
      recall: amount("spam", "spam") / rows.filter((row) => row.of.kind === "spam").length,
      hamCalledSpam: amount("ham", "spam"),
      spamCalledHam: amount("spam", "ham"),
      unsure: rows.filter((row) => row.verdict === "unsure").length,
    };
  });
  return { trained, parts };
}

/** Judges stored messages as the platform would. */
export async function judgeSamples(
  classifier: Classifier,
  samples: ReadonlyMap<string, Uint8Array>,
): Promise<readonly SampleFigures[]> {
  const figures: SampleFigures[] = [];
  for (const [name, bytes] of samples) {
    const message = readMessageText(bytes);
    const { verdict, probability, tokensUsed } = await classifier.classify(tenant, tokenize(message));
    const findings = checkContent(message, { html: true, mime: true }).map((finding) => finding.name);
    figures.push({ name, verdict, probability, tokensUsed, findings });
  }
  return figures;
}
