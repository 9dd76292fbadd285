import type { CompiledPolicy, ScopePath } from "@mailfold/policy";

const dayMs = 86_400_000;

/** How long a copy for this mailbox stays in quarantine: quarantineDays along its scopes, in ms. */
export function quarantineMs(policy: Pick<CompiledPolicy, "value">, path: ScopePath): number {
  return Number(policy.value(path, "quarantineDays")) * dayMs;
}
