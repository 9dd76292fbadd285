import { type AliasAdded, addressClaim } from "@mailfold/domain";
import type { MailboxId } from "@mailfold/kernel";
import type { AliasRecord } from "@mailfold/projection-directory";
import { addressStream, loadClaim, placeAddress, takeAddressFacts } from "./address-facts.ts";
import type { OperationKit } from "./operation-kit.ts";
import { notFound } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { decideOn, planOf } from "./single-stream.ts";

/** Aliases: an alias is the claim of its own address. */
export function createAliasOperations(kit: OperationKit): Pick<Operations, "aliasAdd" | "aliasRemove"> {
  return {
    aliasAdd: (caller, input) =>
      kit.execute({
        caller,
        operation: "aliasAdd",
        input,
        prepare(identity) {
          const placed = placeAddress(kit, caller, input);
          if ("errors" in placed) return placed;
          const { address, domain, stream } = placed;
          const { tenantId, resellerId, domainId } = domain;
          const aliasId = identity.objectId("alias");
          const targets = input.targets as readonly MailboxId[];
          return {
            belonging: { tenantId, resellerId },
            streams: [stream],
            async plan(load) {
              const claim = await loadClaim(load, stream);
              const facts = await takeAddressFacts(load, claim, kit.deps.clock.now());
              const unknownTargets = targets.filter((target) => !isLiveMailbox(kit, target, tenantId));
              const command = { aliasId, address, tenantId, domainId, targets, unknownTargets, facts };
              return planOf(decideOn(addressClaim, claim, { type: "AddAlias", ...command }));
            },
            value: () => kit.deps.directory.alias(aliasId),
          };
        },
      }),

    aliasRemove: (caller, input) =>
      kit.execute({
        caller,
        operation: "aliasRemove",
        input,
        gone: {
          category: "address",
          value: (events) =>
            events.find(
              (event) => event.type === "AliasAdded" && (event.data as AliasAdded["data"]).aliasId === input.aliasId,
            )?.data as AliasRecord | undefined,
        },
        prepare() {
          const record: AliasRecord | undefined = kit.view(caller).alias(input.aliasId);
          const tenant = record === undefined ? undefined : kit.deps.directory.tenant(record.tenantId);
          if (record === undefined || tenant === undefined) return notFound("aliasId");
          const stream = addressStream(kit, record.address);
          return {
            belonging: { tenantId: tenant.tenantId, resellerId: tenant.resellerId },
            streams: [stream],
            async plan(load) {
              const claim = await loadClaim(load, stream);
              return planOf(decideOn(addressClaim, claim, { type: "RemoveAlias", aliasId: record.aliasId }));
            },
            value: () => record,
          };
        },
      }),
  };
}

function isLiveMailbox(kit: OperationKit, id: MailboxId, tenantId: string): boolean {
  const mailbox = kit.deps.directory.mailbox(id);
  return mailbox?.tenantId === tenantId && mailbox.status !== "deleted";
}
