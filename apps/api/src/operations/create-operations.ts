import type { OperationDeps } from "../ports.ts";
import { createFindEvent } from "../records/find-event.ts";
import { createSenderEntries } from "../records/sender-entries.ts";
import { createAliasOperations } from "./alias-operations.ts";
import { createDomainOperations } from "./domain-operations.ts";
import { createMailboxOperations } from "./mailbox-operations.ts";
import { createMarkOperations } from "./mark-operations.ts";
import { createOperationKit } from "./operation-kit.ts";
import type { Operations } from "./operations.ts";
import { createPardonOperations } from "./pardon-operations.ts";
import { createPolicyOperations } from "./policy-operations.ts";
import { createQuarantineOperations } from "./quarantine-operations.ts";
import { createRuleOperations } from "./rule-operations.ts";
import { createRuleTest } from "./rule-test.ts";
import { createShadowOperations } from "./shadow-operations.ts";
import { createTenantOperations } from "./tenant-operations.ts";
import { createTokenOperations } from "./token-operations.ts";
import { createUndoOperation } from "./undo-operation.ts";

/** The operations over their dependencies. Usable without HTTP, e.g. to make the demo tenant of a first start. */
export function createOperations(deps: OperationDeps): Operations {
  const kit = createOperationKit(deps, createFindEvent(deps.rows));
  const policy = createPolicyOperations(kit, createSenderEntries(deps.rows));
  const quarantine = createQuarantineOperations(kit, policy.senderEntryAdd);
  return {
    ...createTenantOperations(kit),
    ...createDomainOperations(kit),
    ...createMailboxOperations(kit),
    ...createAliasOperations(kit),
    ...policy,
    ...quarantine,
    ...createPardonOperations(kit, quarantine.quarantineRelease),
    ...createRuleOperations(kit),
    ruleTest: createRuleTest(kit),
    ...createMarkOperations(kit),
    ...createShadowOperations(kit),
    ...createTokenOperations(kit),
    ...createUndoOperation(kit),
  };
}
