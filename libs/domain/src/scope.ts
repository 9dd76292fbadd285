import type { DomainId, MailboxId, ResellerId, TenantId } from "@mailfold/kernel";

/** A place where settings and list entries live: platform -> reseller -> tenant -> domain -> mailbox. */
export type Scope =
  | { readonly kind: "platform" }
  | { readonly kind: "reseller"; readonly id: ResellerId }
  | { readonly kind: "tenant"; readonly id: TenantId }
  | { readonly kind: "domain"; readonly id: DomainId }
  | { readonly kind: "mailbox"; readonly id: MailboxId };

/** `platform`, or the scope object's id: the key of `policy-<scope id>` streams and of policy rows. */
export function scopeId(scope: Scope): string {
  return scope.kind === "platform" ? "platform" : scope.id;
}
