import { defaultClassifierOptions } from "../../libs/classifier/src/index.ts";
import {
  corpusSeed,
  judgedCount,
  type PartFigures,
  type SampleFigures,
  type TrainedFigures,
} from "./classifier-figures.ts";

const percent = (share: number | undefined): string => (share === undefined ? "-" : `${(100 * share).toFixed(1)} %`);

/** The table of docs/reference/classifier.md that a test computes anew. */
export function syntheticTable(figures: readonly TrainedFigures[]): string {
  const row = (trained: number, part: PartFigures): string =>
    `| ${trained} | ${part.part} | ${percent(part.precision)} | ${percent(part.recall)} | ${part.hamCalledSpam} | ${part.spamCalledHam} | ${part.unsure} of ${part.messages} |`;
  return [
    "| trained on | judged | precision | recall | ham called spam | spam called ham | unsure |",
    "|---|---|---|---|---|---|---|",
    ...figures.flatMap(({ trained, parts }) => parts.map((part) => row(trained, part))),
  ].join("\n");
}

function samplesSection(samples: readonly SampleFigures[] | undefined): string {
  if (samples === undefined) return "They were not to be had when this page was written.";
  return [
    "| message | classifier | probability of spam | known telling tokens | content checks |",
    "|---|---|---|---|---|",
    ...samples.map(
      ({ name, verdict, probability, tokensUsed, findings }) =>
        `| ${name} | ${verdict} | ${probability.toFixed(3)} | ${tokensUsed} | ${findings.join(", ") || "nothing"} |`,
    ),
  ].join("\n");
}

/** docs/reference/classifier.md. */
export function classifierPage(
  figures: readonly TrainedFigures[],
  samples: readonly SampleFigures[] | undefined,
): string {
  const { spamAbove, hamBelow, messagesMin, tokensUsedMin, tokensUsedMax } = defaultClassifierOptions;
  return `# The built-in classifier

Written by \`node test/load/classifier-report.ts --write\`; a test computes the table of synthetic figures anew. How it works together with everything else that judges mail: [spam filtering](../explanation/spam-filtering.md).

Each tenant has a classifier of its own, which knows nothing but what the tenant's users marked. It says \`untrained\` until ${messagesMin} messages of each kind are marked; then \`spam\` from a probability of ${spamAbove}, \`ham\` up to ${hamBelow}, else \`unsure\`. It uses the ${tokensUsedMax} most telling tokens, and is unsure with fewer than ${tokensUsedMin}.

## Synthetic figures
**The corpus is made up** (seed ${corpusSeed}, half of it spam): two vocabularies with an overlap, disguised words, HTML, and a fifth of hard messages, in which spam writes nearly like ham and ham nearly like spam. ${judgedCount} messages are judged that were not trained on. The figures show that learning works and what it costs to be cautious; they say nothing of how much of your spam will be caught. Precision: of what was called spam, how much is. Recall: of the spam, how much was called so.

${syntheticTable(figures)}

## Two messages of the real world
The sample messages of Debian's package spamassassin, judged by the classifier that was trained on ${figures.at(-1)?.trained ?? 0} synthetic messages. Two messages are no measure of anything, and real English shares hardly a word with a made-up language: what is shown is that such mail is read, and that a classifier without a tenant's marks does not guess.

${samplesSection(samples)}
`;
}
