import type { OperationDeps } from "../ports.ts";
import { createFindEvent } from "../records/find-event.ts";
import { createSenderEntries } from "../records/sender-entries.ts";
import { createAliasOperations } from "./alias-operations.ts";
import { createDomainOperations } from "./domain-operations.ts";
import { createMailboxOperations } from "./mailbox-operations.ts";
import { createMarkOperations } from "./mark-operations.ts";
import { createOperationKit } from "./operation-kit.ts";
import type { Operations } from "./operations.ts";
import { createPolicyOperations } from "./policy-operations.ts";
import { createQuarantineOperations } from "./quarantine-operations.ts";
import { createRuleOperations } from "./rule-operations.ts";
import { createRuleTest } from "./rule-test.ts";
import { createTenantOperations } from "./tenant-operations.ts";
import { createTokenOperations } from "./token-operations.ts";

/** The operations over their dependencies. Usable without HTTP, e.g. to make the demo tenant of a first start. */
export function createOperations(deps: OperationDeps): Operations {
  const kit = createOperationKit(deps, createFindEvent(deps.rows));
  const policy = createPolicyOperations(kit, createSenderEntries(deps.rows));
  return {
    ...createTenantOperations(kit),
    ...createDomainOperations(kit),
    ...createMailboxOperations(kit),
    ...createAliasOperations(kit),
    ...policy,
    ...createRuleOperations(kit),
    ruleTest: createRuleTest(kit),
    ...createQuarantineOperations(kit, policy.senderEntryAdd),
    ...createMarkOperations(kit),
    ...createTokenOperations(kit),
  };
}
