import { reseller, type SuspensionSwitches, type TenantCommand, tenant } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { TenantRecord } from "@mailfold/projection-directory";
import type { Caller } from "../caller.ts";
import type { SuspensionSwitchesInput, TenantResumeInput } from "./operation-inputs.ts";
import type { OperationKit } from "./operation-kit.ts";
import { notFound, OperationForbidden, type OperationOutcome } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { decideOn, planOf } from "./single-stream.ts";

/** Throws OperationForbidden unless the caller's kind of token is one of these. */
export function requireScope(caller: Caller, ...kinds: readonly Caller["scope"]["kind"][]): void {
  if (!kinds.includes(caller.scope.kind)) throw new OperationForbidden(kinds);
}

/** Inbound mail goes on unless asked otherwise: a suspended customer should not lose what others send. */
function switchesOf(input: SuspensionSwitchesInput | null | undefined): SuspensionSwitches {
  return {
    login: input?.login ?? true,
    submission: input?.submission ?? true,
    inbound: input?.inbound ?? false,
    forwarding: input?.forwarding ?? true,
  };
}

/** An optional member of a command: absent rather than undefined or null. */
export function optional<K extends string, V>(key: K, value: V | null | undefined): { readonly [P in K]?: V } {
  return (value === null || value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

type TenantOperations = Pick<Operations, "resellerCreate" | "tenantCreate" | "tenantSuspend" | "tenantResume">;

/** Resellers and tenants. */
export function createTenantOperations(kit: OperationKit): TenantOperations {
  const { directory } = kit.deps;
  return {
    async resellerCreate(caller, input) {
      requireScope(caller, "platform");
      return kit.execute({
        caller,
        operation: "resellerCreate",
        input,
        prepare(identity) {
          const resellerId = identity.objectId("reseller");
          const externalId = input.externalId ?? undefined;
          return {
            belonging: { resellerId },
            streams: [streams.reseller(resellerId)],
            exclusive: externalId === undefined ? undefined : `reseller-external:${externalId}`,
            async plan(load) {
              const loaded = await load(reseller, streams.reseller(resellerId));
              const externalIdTaken =
                externalId !== undefined && directory.resellerByExternalId(externalId) !== undefined;
              const { name } = input;
              const command = { resellerId, name, externalIdTaken, ...optional("externalId", externalId) };
              return planOf(decideOn(reseller, loaded, { type: "CreateReseller", ...command }));
            },
            value: () => directory.reseller(resellerId),
          };
        },
      });
    },

    async tenantCreate(caller, input) {
      requireScope(caller, "platform", "reseller");
      return kit.execute({
        caller,
        operation: "tenantCreate",
        input,
        prepare(identity) {
          const parent = kit.view(caller).reseller(input.resellerId);
          if (parent === undefined) return notFound("resellerId");
          const { resellerId } = parent;
          const tenantId = identity.objectId("tenant");
          const externalId = input.externalId ?? undefined;
          return {
            belonging: { tenantId, resellerId },
            streams: [streams.tenant(tenantId)],
            exclusive: externalId === undefined ? undefined : `tenant-external:${resellerId}:${externalId}`,
            async plan(load) {
              const loaded = await load(tenant, streams.tenant(tenantId));
              const command = {
                tenantId,
                resellerId,
                name: input.name,
                resellerExists: true,
                externalIdTaken:
                  externalId !== undefined && directory.tenantByExternalId(resellerId, externalId) !== undefined,
                ...optional("externalId", externalId),
              };
              return planOf(decideOn(tenant, loaded, { type: "CreateTenant", ...command }));
            },
            value: () => directory.tenant(tenantId),
          };
        },
      });
    },

    async tenantSuspend(caller, input) {
      requireScope(caller, "platform", "reseller");
      const { reason, note } = input;
      const switches = switchesOf(input.switches);
      const command = { type: "SuspendTenant", switches, reason, ...optional("note", note) } as const;
      return changeTenant(kit, { caller, operation: "tenantSuspend", input, command });
    },

    async tenantResume(caller, input) {
      requireScope(caller, "platform", "reseller");
      return changeTenant(kit, { caller, operation: "tenantResume", input, command: { type: "ResumeTenant" } });
    },
  };
}

function changeTenant(
  kit: OperationKit,
  change: {
    readonly caller: Caller;
    readonly operation: string;
    readonly input: TenantResumeInput;
    readonly command: TenantCommand;
  },
): Promise<OperationOutcome<TenantRecord>> {
  const { caller, operation, input, command } = change;
  return kit.execute({
    caller,
    operation,
    input,
    prepare() {
      const record = kit.view(caller).tenant(input.tenantId);
      if (record === undefined) return notFound("tenantId");
      const { tenantId, resellerId } = record;
      return {
        belonging: { tenantId, resellerId },
        streams: [streams.tenant(tenantId)],
        async plan(load) {
          const loaded = await load(tenant, streams.tenant(tenantId));
          return planOf(decideOn(tenant, loaded, command));
        },
        value: () => kit.deps.directory.tenant(tenantId),
      };
    },
  });
}
