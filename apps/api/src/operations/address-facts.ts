import { type AddressState, addressClaim, mailbox, parseAddress, type TakeAddressFacts } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { DomainRecord } from "@mailfold/projection-directory";
import type { Caller } from "../caller.ts";
import { toAsciiAddress } from "./host-name.ts";
import type { OperationKit } from "./operation-kit.ts";
import { notFound, type OperationOutcome, refused } from "./operation-outcome.ts";
import type { Load, LoadedStream } from "./run-command.ts";

/** An address of one of the tenant's domains, with the stream that guards it. */
export interface PlacedAddress {
  readonly address: string;
  readonly domain: DomainRecord;
  readonly stream: string;
}

/** Name of the stream that guards a canonical address. */
export function addressStream(kit: OperationKit, address: string): string {
  return streams.address(kit.deps.sealer.blindIndex("address", address));
}

/** Canonical form of an address and its domain, which must be the tenant's; foreign and missing domains answer alike. */
export function placeAddress(
  kit: OperationKit,
  caller: Caller,
  input: { readonly tenantId: string; readonly address: string },
): PlacedAddress | OperationOutcome<never> {
  const tenant = kit.view(caller).tenant(input.tenantId);
  if (tenant === undefined) return notFound("tenantId");
  const parsed = parseAddress(toAsciiAddress(input.address));
  if ("refused" in parsed) return refused({ ...parsed.refused, path: ["address"] });
  const domain = kit.deps.directory.domainByName(parsed.address.domain);
  if (domain?.tenantId !== tenant.tenantId) {
    return refused({ code: "NOT_FOUND", message: "The tenant has no such domain.", path: ["address"] });
  }
  const address = parsed.address.canonical;
  return { address, domain, stream: addressStream(kit, address) };
}

/** What the decider must know before an address is taken. */
export async function takeAddressFacts(
  load: Load,
  claim: LoadedStream<AddressState>,
  now: number,
): Promise<TakeAddressFacts> {
  if (claim.state.kind !== "mailbox") return { domainIsOwn: true, holderExists: false };
  const holder = await load(mailbox, streams.mailbox(claim.state.mailboxId));
  const claimed = claim.events.findLast((event) => event.type === "AddressClaimed");
  return {
    domainIsOwn: true,
    holderExists: holder.state.kind === "present" && !holder.state.deleted,
    claimAgeMs: Math.max(0, now - (claimed?.occurredAt ?? now)),
  };
}

/** The folded claim of an address. */
export function loadClaim(load: Load, stream: string): Promise<LoadedStream<AddressState>> {
  return load(addressClaim, stream);
}
