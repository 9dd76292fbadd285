import type { Scope, SuspensionSwitches, TokenScope } from "@mailfold/domain";
import type {
  AliasId,
  DomainId,
  FolderId,
  IdKind,
  ListingId,
  MailboxId,
  MessageId,
  PardonId,
  ResellerId,
  Sealed,
  SenderEntryId,
  ShadowId,
  TenantId,
  TokenId,
  VerdictId,
} from "@mailfold/kernel";
import { idPrefixes } from "@mailfold/kernel";
import { z } from "zod";
import type { BodyRef, MessageDelivered, SpecialUse } from "../mail-events.ts";

// The prefix is what catches a mailbox id in a tenant's field; libs/ids parses the rest where ids come in.
function id<Id extends string>(kind: IdKind): z.ZodType<Id> {
  const prefix = idPrefixes[kind];
  const schema = z.string().regex(new RegExp(`^${prefix}_[0-9a-z]{1,32}$`));
  return schema.describe(`${prefix}_ id`) as unknown as z.ZodType<Id>;
}

/** Ids of each kind, told apart by their prefix. */
export const resellerId: z.ZodType<ResellerId> = id("reseller");
export const tenantId: z.ZodType<TenantId> = id("tenant");
export const domainId: z.ZodType<DomainId> = id("domain");
export const mailboxId: z.ZodType<MailboxId> = id("mailbox");
export const aliasId: z.ZodType<AliasId> = id("alias");
export const tokenId: z.ZodType<TokenId> = id("token");
export const senderEntryId: z.ZodType<SenderEntryId> = id("senderEntry");
export const folderId: z.ZodType<FolderId> = id("folder");
export const messageId: z.ZodType<MessageId> = id("message");
export const listingId: z.ZodType<ListingId> = id("listing");
export const pardonId: z.ZodType<PardonId> = id("pardon");
export const shadowId: z.ZodType<ShadowId> = id("shadow");
export const verdictId: z.ZodType<VerdictId> = id("verdict");

/** Any text. Lengths are the deciders' business: what was decided must be storable. */
export const text = z.string();
/** A whole number that is not negative: counts, octets. */
export const count = z.number().int().nonnegative();
/** Milliseconds since the epoch. */
export const instant = z.number().int().describe("ms since the epoch");
export const flag = z.boolean();

/** A secret or personal value under a key of libs/keys. */
export const sealed: z.ZodType<Sealed> = z
  .strictObject({ keyId: z.string(), nonce: z.string(), ciphertext: z.string() })
  .describe("sealed");

export const switches: z.ZodType<SuspensionSwitches> = z.strictObject({
  login: flag,
  submission: flag,
  inbound: flag,
  forwarding: flag,
});

export const scope: z.ZodType<Scope> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("platform") }),
  z.strictObject({ kind: z.literal("reseller"), id: resellerId }),
  z.strictObject({ kind: z.literal("tenant"), id: tenantId }),
  z.strictObject({ kind: z.literal("domain"), id: domainId }),
  z.strictObject({ kind: z.literal("mailbox"), id: mailboxId }),
]);

export const tokenScope: z.ZodType<TokenScope> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("platform") }),
  z.strictObject({ kind: z.literal("reseller"), id: resellerId }),
  z.strictObject({ kind: z.literal("tenant"), id: tenantId }),
]);

export const bodyRef: z.ZodType<BodyRef> = z
  .strictObject({ tenantId: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: count })
  .describe("body reference");

export const specialUse: z.ZodType<SpecialUse> = z.enum(["drafts", "sent", "junk", "trash", "archive"]);

/** Where a message is delivered: INBOX, a folder, or the folder of a special use. */
export const deliveryFolder: z.ZodType<MessageDelivered["data"]["folder"]> = z.union([
  z.literal("INBOX"),
  z.strictObject({ id: folderId }),
  z.strictObject({ specialUse }),
  z.strictObject({ name: text, folderId }),
]);

/** A field that may be absent, never undefined: the wire is JSON. */
export function optional<T extends z.ZodType>(schema: T): z.ZodExactOptional<T> {
  return z.exactOptional(schema);
}
