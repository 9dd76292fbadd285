declare const brand: unique symbol;
/** A string that the type checker keeps apart from other strings. */
export type Brand<Name extends string> = string & { readonly [brand]: Name };

/** `rsl_` + 26 base32 characters. Sortable by creation when the system made it; order by position, never by id. */
export type ResellerId = Brand<"ResellerId">;
/** `ten_...` */
export type TenantId = Brand<"TenantId">;
/** `dom_...` */
export type DomainId = Brand<"DomainId">;
/** `mbx_...` */
export type MailboxId = Brand<"MailboxId">;
/** `als_...` */
export type AliasId = Brand<"AliasId">;
/** `tok_...` */
export type TokenId = Brand<"TokenId">;
/** `sle_...`: an entry of an accept or kill list. */
export type SenderEntryId = Brand<"SenderEntryId">;
/** `fld_...`: what IMAP calls a mailbox; a name may change, the id never does. */
export type FolderId = Brand<"FolderId">;
/** `msg_...`: one SMTP transaction's message (intake or outbound). */
export type MessageId = Brand<"MessageId">;
/** `vrd_...`: a verdict; the reference that a rejection's text ends in. */
export type VerdictId = Brand<"VerdictId">;
/** `hld_...`: a copy held instead of delivered, in the API's form; events hold its UUID. */
export type HoldId = Brand<"HoldId">;
/** `lst_...`: a listing of a learned blacklist, from the event that listed to the one that ended it. */
export type ListingId = Brand<"ListingId">;
/** `prd_...`: a pardon of a sender. */
export type PardonId = Brand<"PardonId">;
/** `shd_...`: changes of policy that are judged beside the policy in force. */
export type ShadowId = Brand<"ShadowId">;
/** `sim_...`: a change that is tried on recorded traffic; kept for a while, never an event. */
export type SimulationId = Brand<"SimulationId">;
/** `evt_...`: an event's UUID in the API's form. */
export type EventId = Brand<"EventId">;

/** Id prefixes in use, by object. */
export const idPrefixes = {
  reseller: "rsl",
  tenant: "ten",
  domain: "dom",
  mailbox: "mbx",
  alias: "als",
  token: "tok",
  senderEntry: "sle",
  folder: "fld",
  message: "msg",
  verdict: "vrd",
  hold: "hld",
  listing: "lst",
  pardon: "prd",
  shadow: "shd",
  simulation: "sim",
  event: "evt",
} as const;
export type IdKind = keyof typeof idPrefixes;
