/**
 * Plays the simulated world of learned blacklists and says how well they did:
 * `node test/load/blacklist-world.ts [--write] [seed]`. With --write it renews docs/reference/blacklist.md.
 */
import { writeFileSync } from "node:fs";
import { defaultLearning, evidenceUnits, learningLimits, pointUnits } from "../../libs/reputation/src/index.ts";
import { fullSize, intended, type Role } from "../../libs/reputation/src/simulated-cast-test-world.ts";
import { playWorld, type SenderStory, type WorldOutcome } from "../../libs/reputation/src/simulated-mail-test-world.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const seed = Number(process.argv.slice(2).find((argument) => /^\d+$/.test(argument)) ?? 1);
const startedAt = process.cpuUsage().user;
const world = playWorld(fullSize, seed);
const cpuSeconds = (process.cpuUsage().user - startedAt) / 1_000_000;

const percent = (part: number, whole: number): string => (whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`);
const sum = (stories: readonly SenderStory[], of: (story: SenderStory) => number): number =>
  stories.reduce((total, story) => total + of(story), 0);
function quantile(values: readonly (number | undefined)[], part: number, unitMs: number): string {
  const sorted = values.filter((value) => value !== undefined).sort((one, other) => one - other);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return value === undefined ? "-" : (value / unitMs).toFixed(1);
}
const since = (from: number | undefined, to: number | undefined): number | undefined =>
  from === undefined || to === undefined ? undefined : to - from;
const toList = ({ firstSpamAt, listedAt }: SenderStory) => since(firstSpamAt, listedAt);
const toDelist = ({ lastSpamAt, freeAt, listedAt }: SenderStory) =>
  listedAt === undefined ? undefined : since(lastSpamAt, freeAt);

/** Whether a sender met the fate that policy intends for its role. */
function isAsIntended({ sender, platformListedAt, listedAt, subjects }: SenderStory): boolean {
  if (intended[sender.role] === "free") return listedAt === undefined;
  if (platformListedAt === undefined) return false;
  const isListed = [...world.reputation.ledgers.values()].some(({ listed }) =>
    [...subjects].some((key) => listed.has(key)),
  );
  return intended[sender.role] === "listed" || !isListed;
}

function roleRow(role: Role, stories: readonly SenderStory[]): string {
  const count = (of: (story: SenderStory) => boolean): number => stories.filter(of).length;
  const spam = sum(stories, ({ spamTaken, spamStopped }) => spamTaken + spamStopped);
  const good = sum(stories, ({ goodTaken, goodStopped }) => goodTaken + goodStopped);
  const cells = [
    role,
    stories.length,
    intended[role],
    `${count(isAsIntended)} of ${stories.length}`,
    count(({ platformListedAt }) => platformListedAt !== undefined),
    quantile(stories.map(toList), 0.5, hourMs),
    quantile(stories.map(toDelist), 0.5, dayMs),
    percent(
      sum(stories, ({ spamStopped }) => spamStopped),
      spam,
    ),
    percent(
      sum(stories, ({ goodStopped }) => goodStopped),
      good,
    ),
  ];
  return `| ${cells.join(" | ")} |`;
}

function page({ stories, decisions, evidenceCount }: WorldOutcome): string {
  const roles = Object.keys(intended) as Role[];
  const bad = stories.filter(({ sender }) => intended[sender.role] !== "free");
  const listed = stories.filter(({ listedAt }) => listedAt !== undefined);
  const right = listed.filter((story) => bad.includes(story));
  const spam = sum(stories, ({ spamTaken, spamStopped }) => spamTaken + spamStopped);
  const good = sum(stories, ({ goodTaken, goodStopped }) => goodTaken + goodStopped);
  const points = (units: number): string => String(units / pointUnits);
  return `# Learned blacklists: weights, limits, and how well they do

Made by \`node test/load/blacklist-world.ts --write\`. [Why it is built so](../explanation/learned-blacklists.md).

## Weights

| evidence | points |
|---|---|
${Object.entries(evidenceUnits)
  .map(([kind, units]) => `| ${kind} | ${points(units)} |`)
  .join("\n")}

## Limits

| what | value |
|---|---|
| listed with defer / reject from | ${defaultLearning.deferAt} / ${defaultLearning.rejectAt} points (setting \`learning.thresholds\`) |
| delisted below | half of what listed |
| half-life | ${defaultLearning.halfLifeMs / dayMs} days (setting \`learning.halfLifeHours\`) |
| share of spam, lower end of Wilson's 95 % interval | above ${defaultLearning.minSpamShare} (setting \`learning.minSpamShare\`) |
| highest score | ${points(learningLimits.capUnits)} |
| a reporter counts, for and against apart | ${points(learningLimits.reporterUnits)} points for each sender and half-life |
| a tenant counts towards the platform | ${points(learningLimits.tenantUnits)} points for each sender and half-life |
| unknown recipients count | ${points(learningLimits.harvestUnits)} point for each address and hour |
| reading and answering count | ${points(learningLimits.readUnits)} points for each sender and half-life |
| a network needs | ${learningLimits.prefixListedIpsMin} listed addresses |
| the platform's list needs | ${learningLimits.platformTenantsMin} tenants of ${learningLimits.platformResellersMin} resellers, each ${learningLimits.tenantAgeMs / dayMs} days old and with ${learningLimits.tenantMailMin} mails (decayed) |
| evidence kept by name | ${learningLimits.itemsMax} for each sender, ${learningLimits.itemAgeMs / dayMs} days |
| forgotten below | ${points(learningLimits.forgottenBelowUnits)} points and one mail |

## A simulated world

${stories.length} senders, ${fullSize.days} days, 20 tenants of 4 resellers, ${(good + spam).toLocaleString("en")} mails, ${evidenceCount.toLocaleString("en")} pieces of evidence, ${decisions.length} decisions; seed ${seed}. The content filter knows 60 % of the spam and is wrong about 0.3 % of the good mail; users mark 30 % of the spam they get, and 0.2 % of the good mail by mistake. They see no mail before midnight, so that a list must start from filter and traps alone.

| | |
|---|---|
| precision: listed senders that sent spam | ${percent(right.length, listed.length)} |
| recall: senders of spam that were listed | ${percent(right.length, bad.length)} (the provider's 0.1 % aside) |
| spam stopped by lists alone | ${percent(
    sum(stories, ({ spamStopped }) => spamStopped),
    spam,
  )} |
| good mail stopped | ${percent(
    sum(stories, ({ goodStopped }) => goodStopped),
    good,
  )} |
| hours from first spam to first listing | median ${quantile(bad.map(toList), 0.5, hourMs)}, 90 % within ${quantile(bad.map(toList), 0.9, hourMs)} |
| days from last spam to the end of the last listing | median ${quantile(bad.map(toDelist), 0.5, dayMs)}, 90 % within ${quantile(bad.map(toDelist), 0.9, dayMs)} |

| sender | how many | intended | as intended | on the platform's list | hours to list (median) | days to delist (median) | spam stopped | good mail stopped |
|---|---|---|---|---|---|---|---|---|
${roles
  .map((role) =>
    roleRow(
      role,
      stories.filter(({ sender }) => sender.role === role),
    ),
  )
  .join("\n")}

- The good mail of the compromised accounts is stopped until their listing fades. That is the price of a list that nobody tends; a pardon ends it at once.
- The rival's good mail is stopped at the three colluders, who have it on their own lists. A tenant may refuse whom it likes; nobody else is touched.
- The large provider's spam is not stopped: 0.1 % is no share to list anybody for. Content filters see to it.
`;
}

const text = page(world);
if (process.argv.includes("--write"))
  writeFileSync(new URL("../../docs/reference/blacklist.md", import.meta.url), text);
else process.stdout.write(text);
process.stderr.write(`${world.evidenceCount} pieces of evidence in ${cpuSeconds.toFixed(1)} s of CPU time\n`);
