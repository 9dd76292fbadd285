/**
 * Precision and recall of the built-in classifier on a seeded, synthetic corpus, and what it says of spamassassin's
 * two sample messages where that package is installed (they are mail of the real world, the corpus is not): `node test/load/classifier-report.ts [messages] [seed] [samples folder]`.
 */
import { existsSync, readFileSync } from "node:fs";
import {
  checkContent,
  createClassifier,
  createMemoryTokenStore,
  defaultTokensMax,
  type ParsedMessage,
  tokenize,
} from "../../libs/classifier/src/index.ts";
import { type SyntheticMessage, syntheticCorpus } from "../../libs/classifier/src/synthetic-corpus-test-world.ts";
import type { TenantId } from "../../libs/kernel/src/index.ts";
import {
  decodeHeaderText,
  decodeTextPart,
  fieldValue,
  headerFields,
  indexMessage,
  type MimePart,
} from "../../libs/mime/src/index.ts";

const count = Number(process.argv[2] ?? 2_000);
const seed = Number(process.argv[3] ?? 7);
const samples = process.argv[4] ?? "/usr/share/doc/spamassassin/examples";
const tenant = "ten_report" as TenantId;
const classifier = createClassifier(createMemoryTokenStore({ tokensMax: defaultTokensMax }));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

say(`synthetic corpus, seed ${seed}: trained on ${count} messages, judged on ${count} others`);
const trainedAt = performance.now();
for (const { kind, message } of syntheticCorpus(seed, count)) {
  await classifier.train(tenant, { tokens: tokenize(message), kind, day: 20_000 });
}
say(`training: ${((performance.now() - trainedAt) / count).toFixed(3)} ms a message`);

const durations: number[] = [];
const judged: { readonly of: SyntheticMessage; readonly verdict: string }[] = [];
for (const of of syntheticCorpus(seed + 1, count)) {
  const start = performance.now();
  const { verdict } = await classifier.classify(tenant, tokenize(of.message));
  durations.push(performance.now() - start);
  judged.push({ of, verdict });
}
durations.sort((a, b) => a - b);
const at = (share: number): string => (durations[Math.floor(share * (durations.length - 1))] ?? 0).toFixed(3);
say(`tokenize and classify: median ${at(0.5)} ms, p99 ${at(0.99)} ms`);
for (const part of ["all", "easy", "hard"] as const) {
  const rows = judged.filter(({ of }) => part === "all" || of.hard === (part === "hard"));
  const amount = (kind: string, verdict: string): number =>
    rows.filter((row) => row.of.kind === kind && row.verdict === verdict).length;
  const spam = rows.filter((row) => row.of.kind === "spam").length;
  const called = amount("spam", "spam") + amount("ham", "spam");
  const percent = (share: number): string => (Number.isNaN(share) ? "-" : `${(100 * share).toFixed(2)} %`);
  say(
    `${part} (synthetic): spam precision ${percent(amount("spam", "spam") / called)}, recall ${percent(amount("spam", "spam") / spam)}, ` +
      `ham called spam ${amount("ham", "spam")}, spam called ham ${amount("spam", "ham")}, unsure ${rows.filter((row) => row.verdict === "unsure").length} of ${rows.length}`,
  );
}

/** A stored message as the classifier reads it. */
function parse(bytes: Uint8Array): ParsedMessage {
  const texts: { type: "plain" | "html"; text: string }[] = [];
  const visit = (part: MimePart): void => {
    if (part.type === "text") {
      texts.push({ type: part.subtype === "html" ? "html" : "plain", text: decodeTextPart(bytes, part) });
    }
    for (const child of part.parts ?? []) visit(child);
  };
  visit(indexMessage(bytes).root);
  const headers: { name: string; value: string }[] = [];
  const root = indexMessage(bytes).root;
  for (const field of headerFields(bytes, root.headerStart, root.bodyStart)) {
    headers.push({ name: field.name, value: decodeHeaderText(fieldValue(bytes, field)) });
  }
  return { headers, texts };
}

for (const name of ["sample-spam.txt", "sample-nonspam.txt"]) {
  const path = `${samples}/${name}`;
  if (!existsSync(path)) {
    say(`${name}: not found, not judged`);
    continue;
  }
  const message = parse(readFileSync(path));
  const { verdict, probability, tokensUsed } = await classifier.classify(tenant, tokenize(message));
  const findings = checkContent(message, { html: true, mime: true }).map((finding) => finding.name);
  say(
    `${name}: ${verdict}, probability ${probability.toFixed(3)} of ${tokensUsed} known tokens; findings: ${findings.join(", ") || "none"}`,
  );
}
