import type { TraceLine } from "@mailfold/policy";
import { type Belonging, type Caller, mayReach } from "../caller.ts";

/** What stands for a scope that the reader may not see into. */
export const hiddenScope = "platform policy";

type Members = Readonly<Record<string, unknown>>;

/** What of a message is its own, not what a recipient's policy asked about it or found in it. */
const messageMembers: ReadonlySet<string> = new Set([
  "sizeBytes",
  "bareLineEnd",
  "from",
  "replyTo",
  "fromCount",
  "received",
  "deliveredTo",
  "broken",
  "authentication",
]);
/** Look-ups that a recipient's settings choose: which lists, how long to wait, whom to trust. */
const chosenByRecipient: ReadonlySet<string> = new Set(["dnsLists", "greylist", "origin"]);
/** Steps that look at the sender and its login alone: no word of them is the recipient's. */
const sendersSteps: ReadonlySet<string> = new Set(["login", "tls", "sender", "address", "recipients", "rate"]);

/** Whether a verdict's recipient is another's than the reader's: then the reader is on the side of the sender. */
export function isOutsider(caller: Caller, facts: unknown): boolean {
  const found = membersOf(membersOf(membersOf(facts)?.recipient)?.found);
  const domain = membersOf(found?.domain);
  return domain !== undefined && isForeign(caller, domain);
}

/**
 * Facts without what belongs to other tenants: another tenant's domain or mailbox reads like one that is not hosted here
 * at all, which is how missing ones read. Of another's recipient nothing is shown that its policy asked for or found; of
 * rules above the reader only that there was one.
 */
export function maskFacts(caller: Caller, facts: unknown): unknown {
  const members = membersOf(facts);
  if (members === undefined) return facts;
  return maskMembers(
    caller,
    isOutsider(caller, members) ? withoutFilters(members) : withoutRulesAbove(caller, members),
  );
}

function withoutFilters(facts: Members): Members {
  const content = membersOf(facts.content);
  return {
    ...pick(facts, (name) => !chosenByRecipient.has(name)),
    ...(content === undefined ? {} : { content: pick(content, (name) => messageMembers.has(name)) }),
  };
}

function pick(members: Members, isKept: (name: string) => boolean): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => isKept(name)));
}

const scopesAbove: Readonly<Record<Caller["scope"]["kind"], ReadonlySet<unknown>>> = {
  platform: new Set(),
  reseller: new Set(["platform"]),
  tenant: new Set(["platform", "reseller"]),
};

/** Rules of scopes above have no name, no line and no targets for the reader. */
function withoutRulesAbove(caller: Caller, facts: Members): Members {
  const content = membersOf(facts.content);
  const rules = membersOf(content?.rules);
  if (content === undefined || rules === undefined) return facts;
  const above = scopesAbove[caller.scope.kind];
  const shown = (item: unknown): unknown => {
    const { action, scope } = membersOf(item) ?? {};
    if (!above.has(scope)) return item;
    const done = membersOf(action);
    return { rule: hiddenScope, scope: hiddenScope, ...(done === undefined ? {} : { action: { do: done.do } }) };
  };
  const masked = Object.entries(rules).map(([name, list]) => [name, Array.isArray(list) ? list.map(shown) : list]);
  return { ...facts, content: { ...content, rules: Object.fromEntries(masked) } };
}

function maskMembers(caller: Caller, facts: unknown): unknown {
  if (Array.isArray(facts)) return facts.map((item) => maskMembers(caller, item));
  const record = membersOf(facts);
  if (record === undefined) return facts;
  if (isForeign(caller, record)) return null;
  const domain = membersOf(record.domain);
  if (domain !== undefined && isForeign(caller, domain)) {
    // A recipient's finding {kind, domain}: of a foreign domain it must read as `foreign`, not as `local` without a domain.
    return typeof record.kind === "string" ? { kind: "foreign" } : null;
  }
  return Object.fromEntries(
    Object.entries(record)
      .filter(([name]) => name !== "relayTenant" || mayReach(caller, { tenantId: record.relayTenant } as Belonging))
      .map(([name, value]) => [name, maskMembers(caller, value)]),
  );
}

function membersOf(value: unknown): Members | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : undefined;
}

function isForeign(caller: Caller, value: object): boolean {
  return "tenantId" in value && typeof value.tenantId === "string" && !mayReach(caller, value as Belonging);
}

/** Who reads trace lines. */
export interface LineReader {
  /** Whether a scope id lies in the reader's subtree. */
  readonly mayName: (setAtScope: string) => boolean;
  /** The recipient is another's: a line is told whole only where the reader's own scope, or the sender alone, is what it is about. */
  readonly isOutsider: boolean;
}

/** A trace line as this reader may see it. */
export function maskLine(line: TraceLine, { isOutsider: outside, mayName }: LineReader): TraceLine {
  const { outcome, setAtScope, step } = line;
  const isUnset = setAtScope === undefined || setAtScope === "default";
  const isShown = isUnset ? !outside || sendersSteps.has(step) : mayName(setAtScope);
  return isShown ? line : { step, outcome, setAtScope: hiddenScope };
}

/** A trace as this reader may see it: steps of another's policy are not even counted, but for the one that decided. */
export function maskTrace(trace: readonly TraceLine[], reader: LineReader): readonly TraceLine[] {
  const masked = trace.map((line) => maskLine(line, reader));
  return reader.isOutsider
    ? masked.filter((line, at) => line.setAtScope !== hiddenScope || at === masked.length - 1)
    : masked;
}
