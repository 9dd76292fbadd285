import type { Decider, Decision, DomainId, MailboxId, Sealed, TenantId } from "@mailfold/kernel";
import { assert, assertNever, record, refuse } from "@mailfold/kernel";
import { parseAddress } from "../address/parse-address.ts";
import { checkText, firstRefusal, invalid, present } from "../input-text.ts";
import type { DomainRefusal, RefusalCode } from "../refusals.ts";
import type { MailboxEvent } from "./events.ts";

/** The address must be claimed for this mailbox before. `verifier` is a sealed Argon2id PHC string. */
export interface CreateMailbox {
  readonly type: "CreateMailbox";
  readonly mailboxId: MailboxId;
  readonly tenantId: TenantId;
  readonly domainId: DomainId;
  /** Canonical. */
  readonly address: string;
  readonly displayName?: string;
  readonly quotaBytes: number;
  readonly verifier: Sealed;
}
/** Absent fields stay as they are. An empty displayName removes it. */
export interface UpdateMailbox {
  readonly type: "UpdateMailbox";
  readonly displayName?: string;
  readonly quotaBytes?: number;
}
export interface SetMailboxPassword {
  readonly type: "SetMailboxPassword";
  readonly verifier: Sealed;
}
export interface SuspendMailbox {
  readonly type: "SuspendMailbox";
  /** A short code or phrase. */
  readonly reason: string;
  readonly note?: string;
}
export interface ResumeMailbox {
  readonly type: "ResumeMailbox";
}
export interface DeleteMailbox {
  readonly type: "DeleteMailbox";
}
/** `addressIsHeld`: the address stream says that this mailbox holds its address (again). */
export interface RestoreMailbox {
  readonly type: "RestoreMailbox";
  readonly addressIsHeld: boolean;
}
export type MailboxCommand =
  | CreateMailbox
  | UpdateMailbox
  | SetMailboxPassword
  | SuspendMailbox
  | ResumeMailbox
  | DeleteMailbox
  | RestoreMailbox;

export type MailboxState =
  | { readonly kind: "absent" }
  | {
      readonly kind: "present";
      readonly mailboxId: MailboxId;
      readonly tenantId: TenantId;
      readonly domainId: DomainId;
      readonly address: string;
      readonly displayName: string;
      readonly quotaBytes: number;
      readonly deleted: boolean;
      /** Outlives a deletion: a restored mailbox is as suspended as it was. */
      readonly suspension?: { readonly reason: string; readonly note?: string };
    };
type Present = Extract<MailboxState, { kind: "present" }>;
type Answer = Decision<MailboxEvent, RefusalCode>;

/** Largest quota, octets: what a JSON number carries exactly. */
const quotaBytesMax = Number.MAX_SAFE_INTEGER;

/** Stream `mailbox-<id>`. */
export const mailbox: Decider<MailboxCommand, MailboxEvent, MailboxState, RefusalCode> = {
  name: "mailbox",
  initialState: { kind: "absent" },
  decide(command, state) {
    if (command.type === "CreateMailbox") return create(command, state);
    if (state.kind === "absent") return refuse("NOT_FOUND", "there is no such mailbox");
    if (command.type === "RestoreMailbox") return restore(command, state);
    if (command.type === "DeleteMailbox") return remove(state);
    if (state.deleted) return refuse("MAILBOX_DELETED", "the mailbox is deleted");
    const { mailboxId } = state;
    switch (command.type) {
      case "UpdateMailbox":
        return update(command, state);
      case "SetMailboxPassword":
        return record({ type: "MailboxPasswordSet", data: { mailboxId, verifier: command.verifier } });
      case "SuspendMailbox":
        return suspend(command, state);
      case "ResumeMailbox":
        return state.suspension === undefined ? record() : record({ type: "MailboxResumed", data: { mailboxId } });
      default:
        return assertNever(command);
    }
  },
  evolve(state, event) {
    if (event.type === "MailboxCreated") {
      assert(state.kind === "absent", "a mailbox is created once");
      const { mailboxId, tenantId, domainId, address, displayName = "", quotaBytes } = event.data;
      return { kind: "present", mailboxId, tenantId, domainId, address, displayName, quotaBytes, deleted: false };
    }
    assert(state.kind === "present", `${event.type} comes after MailboxCreated`);
    return evolvePresent(state, event);
  },
};

function evolvePresent(state: Present, event: Exclude<MailboxEvent, { type: "MailboxCreated" }>): MailboxState {
  assert(state.deleted === (event.type === "MailboxRestored"), `${event.type} while deleted is ${state.deleted}`);
  switch (event.type) {
    case "MailboxUpdated": {
      const { displayName = state.displayName, quotaBytes = state.quotaBytes } = event.data;
      return { ...state, displayName, quotaBytes };
    }
    case "MailboxPasswordSet":
      return state;
    case "MailboxSuspended": {
      const { reason, note } = event.data;
      return { ...state, suspension: present({ reason, note }) };
    }
    case "MailboxResumed": {
      assert(state.suspension !== undefined, "only a suspended mailbox is resumed");
      const { suspension: _ended, ...rest } = state;
      return rest;
    }
    case "MailboxDeleted":
      return { ...state, deleted: true };
    case "MailboxRestored":
      return { ...state, deleted: false };
    default:
      return assertNever(event);
  }
}

function create(command: CreateMailbox, state: MailboxState): Answer {
  if (state.kind === "present") return refuse("ALREADY_EXISTS", "this mailbox exists");
  const { mailboxId, tenantId, domainId, address, displayName, quotaBytes, verifier } = command;
  const parsed = parseAddress(address);
  if ("refused" in parsed) return { refused: { ...parsed.refused, path: ["address"] } };
  if (parsed.address.canonical !== address) return { refused: invalid("address", "the address must come canonical") };
  const refused = firstRefusal(checkText("displayName", displayName), checkQuota(quotaBytes));
  if (refused !== undefined) return { refused };
  const data = present({ mailboxId, tenantId, domainId, address, displayName, quotaBytes, verifier });
  return record({ type: "MailboxCreated", data });
}

function update(command: UpdateMailbox, state: Present): Answer {
  const refused = firstRefusal(checkText("displayName", command.displayName), checkQuota(command.quotaBytes));
  if (refused !== undefined) return { refused };
  const changed = present({
    displayName: command.displayName === state.displayName ? undefined : command.displayName,
    quotaBytes: command.quotaBytes === state.quotaBytes ? undefined : command.quotaBytes,
  });
  if (Object.keys(changed).length === 0) return record();
  return record({ type: "MailboxUpdated", data: { mailboxId: state.mailboxId, ...changed } });
}

function suspend(command: SuspendMailbox, state: Present): Answer {
  const { reason, note } = command;
  if (!/^[\p{L}\p{N}][\p{L}\p{N} _.,:-]{0,99}$/u.test(reason)) {
    return { refused: invalid("reason", "reason is 1 to 100 letters, digits, spaces and _ . , : -") };
  }
  const refused = checkText("note", note);
  if (refused !== undefined) return { refused };
  if (state.suspension?.reason === reason && state.suspension.note === note) return record();
  return record({ type: "MailboxSuspended", data: present({ mailboxId: state.mailboxId, reason, note }) });
}

function remove(state: Present): Answer {
  if (state.deleted) return record();
  return record({ type: "MailboxDeleted", data: { mailboxId: state.mailboxId, address: state.address } });
}

function restore(command: RestoreMailbox, state: Present): Answer {
  if (!state.deleted) return record();
  const { mailboxId, address, suspension } = state;
  if (!command.addressIsHeld) return refuse("ADDRESS_TAKEN", "something else stands at the mailbox's address by now");
  const restored: MailboxEvent = { type: "MailboxRestored", data: { mailboxId, address } };
  if (suspension === undefined) return record(restored);
  // Said again, so that no reader needs to remember what a deleted mailbox was before.
  return record<MailboxEvent>(restored, { type: "MailboxSuspended", data: { mailboxId, ...suspension } });
}

function checkQuota(quotaBytes: number | undefined): DomainRefusal | undefined {
  if (quotaBytes === undefined) return undefined;
  if (Number.isSafeInteger(quotaBytes) && quotaBytes >= 1) return undefined;
  return invalid("quotaBytes", `quotaBytes is a whole number of octets from 1 to ${quotaBytesMax}`);
}
