import type { Decider, Decision, Sealed, TokenId } from "@mailfold/kernel";
import { assert, assertNever, record, refuse } from "@mailfold/kernel";
import { checkText, firstRefusal, invalid, present } from "../input-text.ts";
import type { RefusalCode } from "../refusals.ts";
import type { TokenEvent, TokenScope } from "./events.ts";

/** `secretHash` is a sealed hex SHA-256 of the 256-bit random secret. */
export interface CreateToken {
  readonly type: "CreateToken";
  readonly tokenId: TokenId;
  /** Who uses it; outlives rotation, because idempotency keys on it. */
  readonly subject: string;
  readonly name: string;
  readonly scope: TokenScope;
  readonly secretHash: Sealed;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  readonly facts: { readonly at: number; readonly scopeExists: boolean };
}
export interface RevokeToken {
  readonly type: "RevokeToken";
}
export type TokenCommand = CreateToken | RevokeToken;
export type TokenState =
  | { readonly kind: "absent" }
  | { readonly kind: "active"; readonly tokenId: TokenId; readonly expiresAt?: number }
  | { readonly kind: "revoked"; readonly tokenId: TokenId };

/** Stream `token-<id>`. */
export const token: Decider<TokenCommand, TokenEvent, TokenState, RefusalCode> = {
  name: "token",
  initialState: { kind: "absent" },
  decide(command, state) {
    switch (command.type) {
      case "CreateToken":
        return create(command, state);
      case "RevokeToken":
        if (state.kind === "absent") return refuse("NOT_FOUND", "there is no such token");
        if (state.kind === "revoked") return record();
        return record({ type: "TokenRevoked", data: { tokenId: state.tokenId } });
      default:
        return assertNever(command);
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case "TokenCreated": {
        assert(state.kind === "absent", "a token is created once");
        const { tokenId, expiresAt } = event.data;
        return present({ kind: "active" as const, tokenId, expiresAt });
      }
      case "TokenRevoked":
        assert(state.kind === "active", "only an active token is revoked");
        return { kind: "revoked", tokenId: state.tokenId };
      default:
        return assertNever(event);
    }
  },
};

function create(command: CreateToken, state: TokenState): Decision<TokenEvent, RefusalCode> {
  if (state.kind === "active") return refuse("ALREADY_EXISTS", "this token exists");
  if (state.kind === "revoked") return refuse("TOKEN_REVOKED", "this token was revoked");
  const { tokenId, subject, name, scope, secretHash, expiresAt, facts } = command;
  const refused = firstRefusal(checkText("name", name, true), checkSubject(subject));
  if (refused !== undefined) return { refused };
  if (!facts.scopeExists) return refuse("NOT_FOUND", "there is no such scope", { path: ["scope"] });
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt > facts.at)) {
    return { refused: invalid("expiresAt", "expiresAt must lie in the future") };
  }
  const data = present({ tokenId, subject, name, scope, secretHash, expiresAt });
  return record({ type: "TokenCreated", data });
}

function checkSubject(subject: string) {
  if (/^[\x21-\x7e]{1,200}$/.test(subject)) return undefined;
  return invalid("subject", "subject is 1 to 200 printable ASCII characters without spaces");
}
