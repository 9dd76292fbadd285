import type { DomainEvent, ResellerId, Sealed, TenantId, TokenId } from "@mailfold/kernel";

/** What a bearer token may see and do: its subtree. */
export type TokenScope =
  | { readonly kind: "platform" }
  | { readonly kind: "reseller"; readonly id: ResellerId }
  | { readonly kind: "tenant"; readonly id: TenantId };

/** `secretHash` = sealed hex SHA-256 of the 256-bit random secret. `subject` outlives rotation: idempotency keys on it. */
export type TokenCreated = DomainEvent<
  "TokenCreated",
  {
    readonly tokenId: TokenId;
    readonly subject: string;
    readonly name: string;
    readonly scope: TokenScope;
    readonly secretHash: Sealed;
    readonly expiresAt?: number;
  }
>;
export type TokenRevoked = DomainEvent<"TokenRevoked", { readonly tokenId: TokenId }>;
export type TokenEvent = TokenCreated | TokenRevoked;
