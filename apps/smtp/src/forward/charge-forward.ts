import type { CompiledPolicy, ScopePath } from "@mailfold/policy";
import type { RecipientCounters } from "../peer/recipient-counters.ts";

/** On whose account an address elsewhere is sent to, and when, ms since the epoch. False: not now, and nothing is charged. */
export type ChargeForward = (account: Pick<ScopePath, "tenantId" | "resellerId">, at: number) => boolean;

/** Mail sent on counts among what a tenant sends in an hour (tenantRecipientsPerHour), as if it had been relayed. */
export function createChargeForward(
  policy: Pick<CompiledPolicy, "value">,
  counters: Pick<RecipientCounters, "read" | "charge">,
): ChargeForward {
  return ({ tenantId, resellerId }, at) => {
    if (tenantId === undefined) return true;
    const path = { tenantId, ...(resellerId === undefined ? {} : { resellerId }) };
    const max = Number(policy.value(path, "tenantRecipientsPerHour"));
    if (max > 0 && (counters.read({ tenantId }, at).tenantRecipients ?? 0) >= max) return false;
    counters.charge({ tenantId }, at);
    return true;
  };
}
