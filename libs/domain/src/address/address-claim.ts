import type { AliasId, Decider, Decision, DomainId, MailboxId, TenantId } from "@mailfold/kernel";
import { assert, assertNever, record, refuse } from "@mailfold/kernel";
import { invalid } from "../input-text.ts";
import type { RefusalCode } from "../refusals.ts";
import type { AddressEvent } from "./events.ts";
import { parseAddress } from "./parse-address.ts";

/** How long a claim stands without its mailbox, ms. */
export const claimWithoutMailboxMs = 60_000;
/** Most mailboxes that one alias delivers to. */
export const aliasTargetsMax = 100;

/** Outside facts of taking an address. */
export interface TakeAddressFacts {
  /** The domain is one of the tenant's, and the address's domain part is its name. */
  readonly domainIsOwn: boolean;
  /** The mailbox that the standing claim names is there (live); false also when no claim stands. */
  readonly holderExists: boolean;
  /** Age of the standing claim, from its AddressClaimed event; absent when none stands. */
  readonly claimAgeMs?: number;
}
export interface ClaimAddress {
  readonly type: "ClaimAddress";
  /** Canonical. */
  readonly address: string;
  readonly tenantId: TenantId;
  readonly domainId: DomainId;
  readonly mailboxId: MailboxId;
  readonly facts: TakeAddressFacts;
}
/** After the mailbox was deleted, or for a claim that lapsed. */
export interface ReleaseAddress {
  readonly type: "ReleaseAddress";
  readonly mailboxId: MailboxId;
  readonly cause: "deleted" | "lapsed";
}
/** `unknownTargets`: those targets that are not live mailboxes of the tenant, from the directory. */
export interface AddAlias {
  readonly type: "AddAlias";
  readonly aliasId: AliasId;
  /** Canonical. */
  readonly address: string;
  readonly tenantId: TenantId;
  readonly domainId: DomainId;
  readonly targets: readonly MailboxId[];
  readonly unknownTargets: readonly MailboxId[];
  readonly facts: TakeAddressFacts;
}
export interface RemoveAlias {
  readonly type: "RemoveAlias";
  readonly aliasId: AliasId;
}
export type AddressCommand = ClaimAddress | ReleaseAddress | AddAlias | RemoveAlias;

export type AddressState =
  | { readonly kind: "free" }
  | {
      readonly kind: "mailbox";
      readonly address: string;
      readonly tenantId: TenantId;
      readonly mailboxId: MailboxId;
    }
  | {
      readonly kind: "alias";
      readonly address: string;
      readonly tenantId: TenantId;
      readonly aliasId: AliasId;
      readonly targets: readonly MailboxId[];
    };
type Answer = Decision<AddressEvent, RefusalCode>;

/** Stream `address-<HMAC of address>`: one address, one stream, so that an address has one holder. */
export const addressClaim: Decider<AddressCommand, AddressEvent, AddressState, RefusalCode> = {
  name: "addressClaim",
  initialState: { kind: "free" },
  decide(command, state) {
    switch (command.type) {
      case "ClaimAddress": {
        if (state.kind === "mailbox" && state.mailboxId === command.mailboxId) return record();
        const { address, tenantId, domainId, mailboxId } = command;
        return take(command, state, { type: "AddressClaimed", data: { address, tenantId, domainId, mailboxId } });
      }
      case "ReleaseAddress": {
        // Held by another one by now: this mailbox's claim is long gone.
        if (state.kind !== "mailbox" || state.mailboxId !== command.mailboxId) return record();
        return record(released(state, command.cause));
      }
      case "AddAlias":
        return addAlias(command, state);
      case "RemoveAlias": {
        if (state.kind !== "alias" || state.aliasId !== command.aliasId) {
          return refuse("NOT_FOUND", "there is no such alias");
        }
        return record(removed(state));
      }
      default:
        return assertNever(command);
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case "AddressClaimed": {
        assert(state.kind === "free", "an address is claimed when it is free");
        const { address, tenantId, mailboxId } = event.data;
        return { kind: "mailbox", address, tenantId, mailboxId };
      }
      case "AddressReleased":
        assert(state.kind === "mailbox" && state.mailboxId === event.data.mailboxId, "its holder releases an address");
        return { kind: "free" };
      case "AliasAdded": {
        assert(state.kind === "free", "an alias is added at a free address");
        const { address, tenantId, aliasId, targets } = event.data;
        return { kind: "alias", address, tenantId, aliasId, targets };
      }
      case "AliasRemoved":
        assert(state.kind === "alias" && state.aliasId === event.data.aliasId, "the alias that stands is removed");
        return { kind: "free" };
      default:
        return assertNever(event);
    }
  },
};

function take(command: ClaimAddress | AddAlias, state: AddressState, taken: AddressEvent): Answer {
  const parsed = parseAddress(command.address);
  if ("refused" in parsed) return { refused: { ...parsed.refused, path: ["address"] } };
  if (parsed.address.canonical !== command.address) {
    return { refused: invalid("address", "the address must come canonical") };
  }
  const { domainIsOwn, holderExists, claimAgeMs = 0 } = command.facts;
  if (!domainIsOwn) return refuse("NOT_FOUND", "the tenant has no such domain", { path: ["address"] });
  if (state.kind === "free") return record(taken);
  // The domain is the claimant's: another tenant's holder is left from a claim on it that yielded or ended.
  const isLeftOver = state.tenantId !== command.tenantId;
  if (state.kind === "alias") {
    if (isLeftOver) return record(removed(state), taken);
  } else if (isLeftOver || (!holderExists && claimAgeMs >= claimWithoutMailboxMs)) {
    return record(released(state, "lapsed"), taken);
  }
  return refuse("ADDRESS_TAKEN", "a mailbox or alias stands at this address", { path: ["address"] });
}

function addAlias(command: AddAlias, state: AddressState): Answer {
  const { aliasId, address, tenantId, domainId } = command;
  if (state.kind === "alias" && state.aliasId === aliasId) {
    return sameList(state.targets, command.targets)
      ? record()
      : refuse("ALREADY_EXISTS", "this alias exists with other targets");
  }
  const targets = [...new Set(command.targets)];
  if (targets.length < 1 || targets.length > aliasTargetsMax) {
    return { refused: invalid("targets", `an alias has 1 to ${aliasTargetsMax} targets`) };
  }
  if (command.unknownTargets.length > 0) {
    return refuse("ALIAS_TARGET_UNKNOWN", "a target is not a mailbox of this tenant", { path: ["targets"] });
  }
  return take(command, state, { type: "AliasAdded", data: { aliasId, address, tenantId, domainId, targets } });
}

function released(state: Extract<AddressState, { kind: "mailbox" }>, cause: "deleted" | "lapsed"): AddressEvent {
  const { address, tenantId, mailboxId } = state;
  return { type: "AddressReleased", data: { address, tenantId, mailboxId, cause } };
}

function removed({ aliasId, address, tenantId }: Extract<AddressState, { kind: "alias" }>): AddressEvent {
  return { type: "AliasRemoved", data: { aliasId, address, tenantId } };
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  const distinct = new Set(b);
  return a.length === distinct.size && a.every((item) => distinct.has(item));
}
