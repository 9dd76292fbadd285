import type { Facts } from "../types.ts";
import { reducedForms } from "./reduced-facts.ts";

/** Numbers of a verdict's facts, each in a column of its own; NaN = absent. */
export const numberColumns = ["at", "sizeBytes", "declaredSizeBytes", "acceptedBefore"] as const;
export type NumberColumn = (typeof numberColumns)[number];

/** Parts of a verdict's facts that are coded as a whole: many rows share each. */
export const factColumns = [
  "session",
  "ip",
  "host",
  "helo",
  "login",
  "sender",
  "senderOwner",
  "recipient",
  "relay",
  "heloName",
  "senderDomain",
  "spf",
  "dnsLists",
  "counters",
  "greylist",
  "origin",
  "shape",
  "authentication",
  "scan",
  "classifier",
  "findings",
  "rules",
  "rest",
] as const;
export type FactColumn = (typeof factColumns)[number];

/** A column's place in the table. */
export const columnAt = Object.fromEntries(factColumns.map((name, index) => [name, index])) as Readonly<
  Record<FactColumn, number>
>;

/** One verdict's facts, taken apart. A part that is absent is undefined. */
export interface FactParts {
  readonly parts: Readonly<Record<FactColumn, unknown>>;
  readonly numbers: Readonly<Record<NumberColumn, number>>;
}

/** Columns that are one fact under their own name. */
const whole = [
  "ip",
  "host",
  "helo",
  "login",
  "senderOwner",
  "heloName",
  "senderDomain",
  "spf",
  "dnsLists",
  "counters",
  "greylist",
  "origin",
] as const;
const ofContent = ["authentication", "scan", "classifier", "findings", "rules"] as const;

type Members = Readonly<Record<string, unknown>>;

function without(members: Members | undefined, names: readonly string[]): Members | undefined {
  if (members === undefined) return undefined;
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));
}

function isEmpty(members: Members): boolean {
  return Object.keys(members).length === 0;
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}

const told = new Set<string>([
  ...whole,
  "at",
  "listener",
  "tls",
  "sender",
  "recipient",
  "peerTenant",
  "relayTenant",
  "content",
]);

/** Takes a verdict's facts apart; members that this code does not know are kept together in `rest`. */
export function splitFacts(facts: Facts): FactParts {
  const all = facts as unknown as Members;
  const content = all.content as Members | undefined;
  const rest = without(all, [...told]) as Members;
  const relay = without(
    all,
    Object.keys(all).filter((name) => name !== "peerTenant" && name !== "relayTenant"),
  );
  const parts: Record<string, unknown> = {
    session: { listener: facts.listener, tls: facts.tls },
    sender: without(all.sender as Members | undefined, ["declaredSizeBytes"]),
    recipient: without(all.recipient as Members | undefined, ["acceptedBefore"]),
    relay: relay === undefined || isEmpty(relay) ? undefined : relay,
    shape: without(content, ["sizeBytes", ...ofContent]),
    rest: isEmpty(rest) ? undefined : rest,
  };
  for (const name of whole) parts[name] = all[name];
  for (const name of ofContent) parts[name] = content?.[name];
  return {
    parts: parts as FactParts["parts"],
    numbers: {
      at: numberOf(facts.at),
      sizeBytes: numberOf(content?.sizeBytes),
      declaredSizeBytes: numberOf(facts.sender?.declaredSizeBytes),
      acceptedBefore: numberOf(facts.recipient?.acceptedBefore),
    },
  };
}

function withNumber(part: unknown, name: NumberColumn, value: number): unknown {
  return Number.isNaN(value) ? part : { ...(part as Members), [name]: value };
}

/** Puts facts together again: equal to what was taken apart. */
export function joinFacts({ parts, numbers }: FactParts): Facts {
  const facts: Record<string, unknown> = {
    at: numbers.at,
    ...(parts.session as Members),
    ...((parts.relay ?? {}) as Members),
    ...((parts.rest ?? {}) as Members),
  };
  for (const name of whole) if (parts[name] !== undefined) facts[name] = parts[name];
  if (parts.sender !== undefined) {
    facts.sender = withNumber(parts.sender, "declaredSizeBytes", numbers.declaredSizeBytes);
  }
  if (parts.recipient !== undefined) {
    facts.recipient = withNumber(parts.recipient, "acceptedBefore", numbers.acceptedBefore);
  }
  if (parts.shape !== undefined) {
    const content: Record<string, unknown> = { ...(parts.shape as Members) };
    if (!Number.isNaN(numbers.sizeBytes)) content.sizeBytes = numbers.sizeBytes;
    for (const name of ofContent) if (parts[name] !== undefined) content[name] = parts[name];
    facts.content = content;
  }
  return facts as unknown as Facts;
}

/** What of a part can matter to a decision, whatever the policy; the part's own text where nothing is known to be idle. */
export function reducedText(column: FactColumn, value: unknown, text: string): string {
  return reducedForms[column]?.(value as never) ?? text;
}
