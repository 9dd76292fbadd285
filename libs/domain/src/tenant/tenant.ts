import type { Decider, Decision, ResellerId, TenantId } from "@mailfold/kernel";
import { assert, assertNever, record, refuse } from "@mailfold/kernel";
import { checkText, firstRefusal, invalid, present } from "../input-text.ts";
import type { RefusalCode } from "../refusals.ts";
import type { SuspensionReason, SuspensionSwitches, TenantEvent } from "./events.ts";

/** Facts from the directory: whether the reseller is there, whether another tenant of it has the externalId. */
export interface CreateTenant {
  readonly type: "CreateTenant";
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly name: string;
  readonly externalId?: string;
  readonly resellerExists: boolean;
  readonly externalIdTaken: boolean;
}
/** Suspending while suspended replaces the switches. */
export interface SuspendTenant {
  readonly type: "SuspendTenant";
  readonly switches: SuspensionSwitches;
  readonly reason: SuspensionReason;
  readonly note?: string;
}
/** Back to the switches in force before the spell of suspension began. */
export interface ResumeTenant {
  readonly type: "ResumeTenant";
}
export type TenantCommand = CreateTenant | SuspendTenant | ResumeTenant;

export interface TenantSuspension {
  readonly reason: SuspensionReason;
  readonly note?: string;
  /** The switches to go back to. */
  readonly before: SuspensionSwitches;
}
export type TenantState =
  | { readonly kind: "absent" }
  | {
      readonly kind: "present";
      readonly tenantId: TenantId;
      readonly resellerId: ResellerId;
      readonly switches: SuspensionSwitches;
      readonly suspension?: TenantSuspension;
    };
type Present = Extract<TenantState, { kind: "present" }>;
type Answer = Decision<TenantEvent, RefusalCode>;

/** Nothing switched off. */
export const noSwitches: SuspensionSwitches = { login: false, submission: false, inbound: false, forwarding: false };
const reasons: readonly SuspensionReason[] = ["NON_PAYMENT", "ABUSE", "COMPROMISED", "ADMIN", "MIGRATION"];

/** Stream `tenant-<id>`. */
export const tenant: Decider<TenantCommand, TenantEvent, TenantState, RefusalCode> = {
  name: "tenant",
  initialState: { kind: "absent" },
  decide(command, state) {
    if (command.type === "CreateTenant") return create(command, state);
    if (state.kind === "absent") return refuse("NOT_FOUND", "there is no such tenant");
    switch (command.type) {
      case "SuspendTenant":
        return suspend(command, state);
      case "ResumeTenant":
        if (state.suspension === undefined) return record();
        return record({
          type: "TenantResumed",
          data: { tenantId: state.tenantId, restored: state.suspension.before },
        });
      default:
        return assertNever(command);
    }
  },
  evolve(state, event) {
    if (event.type === "TenantCreated") {
      assert(state.kind === "absent", "a tenant is created once");
      const { tenantId, resellerId } = event.data;
      return { kind: "present", tenantId, resellerId, switches: noSwitches };
    }
    assert(state.kind === "present", `${event.type} comes after TenantCreated`);
    switch (event.type) {
      case "TenantSuspended": {
        const { switches, reason, note } = event.data;
        const before = state.suspension?.before ?? state.switches;
        return { ...state, switches, suspension: present({ reason, note, before }) };
      }
      case "TenantResumed": {
        assert(state.suspension !== undefined, "only a suspended tenant is resumed");
        const { suspension: _ended, ...rest } = state;
        return { ...rest, switches: event.data.restored };
      }
      default:
        return assertNever(event);
    }
  },
};

function create(command: CreateTenant, state: TenantState): Answer {
  if (state.kind === "present") return refuse("ALREADY_EXISTS", "this tenant exists");
  const refused = firstRefusal(checkText("name", command.name, true), checkText("externalId", command.externalId));
  if (refused !== undefined) return { refused };
  if (!command.resellerExists) return refuse("NOT_FOUND", "there is no such reseller", { path: ["resellerId"] });
  if (command.externalIdTaken) {
    return refuse("EXTERNAL_ID_TAKEN", "another tenant of the reseller has this externalId", { path: ["externalId"] });
  }
  const { tenantId, resellerId, name, externalId } = command;
  return record({ type: "TenantCreated", data: present({ tenantId, resellerId, name, externalId }) });
}

function suspend(command: SuspendTenant, state: Present): Answer {
  const { login, submission, inbound, forwarding } = command.switches;
  const switches = { login, submission, inbound, forwarding };
  if (!Object.values(switches).includes(true)) {
    return { refused: invalid("switches", "switch off login, submission, inbound or forwarding; to end it, resume") };
  }
  if (!reasons.includes(command.reason))
    return { refused: invalid("reason", `reason is one of ${reasons.join(", ")}`) };
  const refused = checkText("note", command.note);
  if (refused !== undefined) return { refused };
  const same =
    state.suspension?.reason === command.reason &&
    state.suspension.note === command.note &&
    sameSwitches(state.switches, switches);
  if (same) return record();
  const { reason, note } = command;
  return record({ type: "TenantSuspended", data: present({ tenantId: state.tenantId, switches, reason, note }) });
}

function sameSwitches(a: SuspensionSwitches, b: SuspensionSwitches): boolean {
  return (
    a.login === b.login && a.submission === b.submission && a.inbound === b.inbound && a.forwarding === b.forwarding
  );
}
