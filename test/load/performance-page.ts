import type { LogRates } from "./bench-log.ts";
import type { PolicyRate } from "./bench-policy.ts";
import type { SmtpRate } from "./bench-smtp.ts";
import type { DecisionFigures, Quantiles } from "./decision-figures.ts";

export interface Figures {
  readonly date: string;
  readonly machine: string;
  readonly fsyncsBefore: number;
  readonly fsyncsAfter: number;
  readonly log: LogRates;
  readonly policy: readonly PolicyRate[];
  readonly decisions: DecisionFigures;
  readonly smtp: readonly SmtpRate[];
  readonly idleImapBytes: number;
}

const number = (value: number) => value.toLocaleString("en-US");
const ratioOf = ({ rawPerSecond, mailfoldPerSecond }: SmtpRate) => rawPerSecond / Math.max(1, mailfoldPerSecond);
const reached = (yes: boolean) => (yes ? "reached" : "**not reached**");

/** docs/reference/performance.md: only what was measured in this run, with the reference beside it. */
export function performancePage(figures: Figures): string {
  const smtpRows = figures.smtp.map(
    (rate) =>
      `| ${rate.sizeBytes / 1_024} KiB | ${rate.connections} | ${number(rate.mailfoldPerSecond)} | ${number(rate.rawPerSecond)} | ${ratioOf(rate).toFixed(2)} |`,
  );
  const small = figures.smtp.filter((rate) => rate.sizeBytes === 4_096);
  const best = small.reduce((kept, rate) => (rate.mailfoldPerSecond > kept.mailfoldPerSecond ? rate : kept));
  const logRows = figures.log.appended.map(
    (row) =>
      `| one event an append, ${row.inFlight} in flight | ${number(row.perSecond)} | fsyncs/s ${number(figures.fsyncsBefore)} |`,
  );
  const policyRows = figures.policy.map((row) => `| ${number(row.tenants)} | ${number(row.perSecond)} |`);
  return `# Performance

Written by \`npm run bench -- --write\` on ${figures.date}: ${figures.machine}, client and server on the same machine and disk. Figures of one run; disks and neighbours differ, so compare ratios. Nothing here is a pass mark of the tests.

Reference of the disk in the same run: ${number(figures.fsyncsBefore)} fdatasync/s of 4 KiB appends before, ${number(figures.fsyncsAfter)} after.

## SMTP to folder, durable
A message counts when its 250 has arrived, which is sent after the fsync of body, verdict and delivery. Beside it the same client against a bare smtp-server that throws the mail away.

| message | connections | durable messages/s | smtp-server, discarding | ratio |
|---|---|---|---|---|
${smtpRows.join("\n")}

What bounds it: at 1 connection the round trips and one fsync per message; at 20 and 100 the CPU of both cores, which the client shares (the client's part is in both columns). Behind each message are a MIME index, a hash, the built-in content filters, a policy decision, three events and their projections, of which the bare server has none.

Aims: 1,500/s of 4 KiB, ${reached(best.mailfoldPerSecond >= 1_500)} (${number(best.mailfoldPerSecond)}/s); at most twice the time of the bare server, ${reached(ratioOf(best) <= 2)} (${ratioOf(best).toFixed(2)} at the best rate).

## The log
| | events/s | reference |
|---|---|---|
${logRows.join("\n")}
| groups of 100, 8 in flight | ${number(figures.log.appendedInGroups)} | |
| replayed in order through a simple fold | ${number(figures.log.replayed)} | |

Aims: 20,000/s appended in groups, ${reached(figures.log.appendedInGroups >= 20_000)}; 300,000/s replayed, ${reached(figures.log.replayed >= 300_000)}. Appends are bound by fsync with one in flight and by JSON and copying beyond; replay by JSON.parse on one core.

## Policy decisions
One decision = connect, HELO, MAIL and RCPT of one local recipient, three list entries and three settings a tenant.

| tenants | decisions/s |
|---|---|
${policyRows.join("\n")}

Lists of 1,000,000 entries are measured by \`node test/load/policy-lists.ts\`.

${decisionSection(figures.decisions)}

## Idle IMAP connections
${number(Math.round(figures.idleImapBytes / 1_024))} KiB of resident memory for each connection (implicit TLS, logged in, IDLE in INBOX).
`;
}

function decisionSection(figures: DecisionFigures): string {
  const row = (name: string, { count, medianMs, p99Ms, p999Ms }: Quantiles) =>
    `| ${name} | ${number(count)} | ${medianMs} | ${p99Ms} | ${p999Ms} |`;
  const rows = figures.mixes.flatMap(({ mail, all, undisturbed }) => [
    row(mail, all),
    row(`${mail}, undisturbed`, undisturbed),
  ]);
  const worst = Math.max(...figures.mixes.map(({ undisturbed }) => undisturbed.p99Ms));
  return `## Whole decisions
From connect to DATA with all facts but DNS and scanners, which cost no time here: ${number(figures.tenants)} tenants, ${number(figures.entries)} list entries, ${figures.rulesPerTenant} envelope and header rules of its own for each tenant, read and compiled when its mail comes. *Undisturbed*: the kernel did not take the processor away meanwhile.

| mail, ms | decisions | median | p99 | p99.9 |
|---|---|---|---|---|
${rows.join("\n")}
| 200 body rules on 128 KiB, in their worker | ${number(figures.bodyRules.count)} | ${figures.bodyRules.medianMs} | ${figures.bodyRules.p99Ms} | ${figures.bodyRules.p999Ms} |

Memory: the policy ${number(figures.policyMiB)} MiB, compiled rules ${number(figures.compiledMiB)} MiB more.

Aims: p99 below 1 ms, undisturbed, ${reached(worst < 1)}; body rules within 50 ms, ${reached(figures.bodyRules.p99Ms <= 50)}.`;
}
