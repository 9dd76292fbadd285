import type { TraceLine } from "@mailfold/policy";
import { type Belonging, type Caller, mayReach } from "../caller.ts";

/** What stands for a scope that the reader may not see into. */
export const hiddenScope = "platform policy";

/**
 * Facts without what belongs to other tenants: another tenant's domain or mailbox reads like one that is not hosted here
 * at all, which is how missing ones read.
 */
export function maskFacts(caller: Caller, facts: unknown): unknown {
  if (Array.isArray(facts)) return facts.map((item) => maskFacts(caller, item));
  if (typeof facts !== "object" || facts === null) return facts;
  const record = facts as Readonly<Record<string, unknown>>;
  if (isForeign(caller, record)) return null;
  const found = record.domain;
  // A recipient's finding {kind, domain}: of a foreign domain it must read as `foreign`, not as `local` without a domain.
  if (typeof record.kind === "string" && typeof found === "object" && found !== null && isForeign(caller, found)) {
    return { kind: "foreign" };
  }
  if (typeof found === "object" && found !== null && isForeign(caller, found)) return null;
  return Object.fromEntries(
    Object.entries(record)
      .filter(([name]) => name !== "relayTenant" || mayReach(caller, { tenantId: record.relayTenant } as Belonging))
      .map(([name, value]) => [name, maskFacts(caller, value)]),
  );
}

function isForeign(caller: Caller, value: object): boolean {
  return "tenantId" in value && typeof value.tenantId === "string" && !mayReach(caller, value as Belonging);
}

/** A trace line as this reader may see it. `mayName` tells whether a scope id lies in the reader's subtree. */
export function maskLine(line: TraceLine, mayName: (setAtScope: string) => boolean): TraceLine {
  if (line.setAtScope === undefined || mayName(line.setAtScope)) return line;
  const { step, outcome } = line;
  return { step, outcome, setAtScope: hiddenScope };
}
