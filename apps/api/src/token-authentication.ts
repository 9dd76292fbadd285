import type { Clock, EventContext, Sealer, TokenId } from "@mailfold/kernel";
import type { Directory } from "@mailfold/projection-directory";
import { equalDigests, hashSecret, parseBearerToken } from "./bearer-token.ts";
import type { Caller } from "./caller.ts";

/** The subject and token id of the bootstrap platform token (MAILFOLD_ADMIN_TOKEN); rotating it keeps the subject. */
const bootstrapSubject = "bootstrap";

/** Turns bearer tokens into callers. */
export interface TokenAuthentication {
  /** Undefined = no such token, wrong secret, revoked or expired: one answer for all. */
  authenticate(token: string, context: EventContext): Caller | undefined;
  /** Whether an earlier caller's token still holds. */
  stillHolds(caller: Caller): boolean;
}

/** Looks tokens up in the directory by id; nothing is cached here, so a revocation works as soon as the directory knows. */
export function createTokenAuthentication(deps: {
  readonly directory: Directory;
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** SHA-256 (hex) of the bootstrap token. */
  readonly adminTokenHash?: string | undefined;
}): TokenAuthentication {
  const live = (tokenId: TokenId) => {
    const record = deps.directory.token(tokenId);
    if (record === undefined || record.revoked) return undefined;
    return record.expiresAt !== undefined && record.expiresAt <= deps.clock.now() ? undefined : record;
  };
  return {
    authenticate(token, context) {
      if (deps.adminTokenHash !== undefined && equalDigests(hashSecret(token), deps.adminTokenHash)) {
        const scope = { kind: "platform" } as const;
        return { subject: bootstrapSubject, tokenId: bootstrapSubject, name: "bootstrap token", scope, context };
      }
      const parsed = parseBearerToken(token);
      const record = parsed === undefined ? undefined : live(parsed.tokenId);
      if (parsed === undefined || record === undefined) return undefined;
      const hash = deps.sealer.open(record.secretHash);
      if (hash === undefined || !equalDigests(hashSecret(parsed.secret), hash)) return undefined;
      return { subject: record.subject, tokenId: record.tokenId, name: record.name, scope: record.scope, context };
    },
    stillHolds(caller) {
      if (caller.subject === bootstrapSubject || caller.subject.startsWith("system:")) return true;
      return live(caller.tokenId as TokenId) !== undefined;
    },
  };
}
