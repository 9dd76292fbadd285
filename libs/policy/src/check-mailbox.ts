import { settingLine } from "./check-sender.ts";
import { type Finding, type Judging, note, refuse } from "./judging.ts";
import { type ScopeChain, settingValue } from "./policy-state.ts";
import type { RecipientFact, TraceLine } from "./types.ts";

/** Whether the address is there and can take mail: its tenant, its mailboxes and their quota. */
export function checkMailbox(
  judging: Judging,
  chain: ScopeChain,
  found: Exclude<RecipientFact, { kind: "foreign" }>,
): Finding | undefined {
  const { domainId, tenantId } = found.domain;
  const line = (detail: string, scope: string): TraceLine => {
    return { step: "recipient", outcome: "refuse", setAtScope: scope, detail };
  };
  if (found.domain.tenantInboundOff) {
    return refuse(judging, "tenant-suspended", "rcpt", line("inbound mail is off", tenantId));
  }
  if (found.kind === "unknown") {
    const traps = settingValue(judging.state, chain, "spamTraps");
    const address = judging.facts.recipient?.address.toLowerCase() ?? "";
    if (Array.isArray(traps) && traps.length > 0 && traps.includes(address)) {
      const trap = settingLine(judging, chain, "spamTraps", { step: "recipient", outcome: "refuse", detail: address });
      return refuse(judging, "recipient-spam-trap", "rcpt", trap);
    }
    return refuse(judging, "recipient-unknown", "rcpt", line("no such address", domainId));
  }
  const active = found.targets.filter((target) => !target.suspended);
  const only = found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined;
  if (active.length === 0) return refuse(judging, "recipient-suspended", "rcpt", line("suspended", only ?? domainId));
  if (active.every((target) => target.overQuota)) {
    return refuse(judging, "over-quota", "rcpt", line("over quota", only ?? domainId));
  }
  note(judging, () => ({ step: "recipient", outcome: "pass" }));
  return undefined;
}
