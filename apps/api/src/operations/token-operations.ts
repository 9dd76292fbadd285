import { type TokenScope, token } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { Sealed } from "@mailfold/kernel";
import { formatBearerToken, hashSecret, newSecret } from "../bearer-token.ts";
import type { Belonging, Caller } from "../caller.ts";
import type { VisibleDirectory } from "../visible-directory.ts";
import type { TokenScopeInput } from "./operation-inputs.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput, notFound, OperationForbidden, type OperationOutcome } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { optional } from "./tenant-operations.ts";

/** Bearer tokens. */
export function createTokenOperations(kit: OperationKit): Pick<Operations, "tokenCreate" | "tokenRevoke"> {
  return { tokenCreate: createTokenCreate(kit), tokenRevoke: createTokenRevoke(kit) };
}

/** A token's scope within the caller's subtree. */
function placeTokenScope(
  view: VisibleDirectory,
  caller: Caller,
  input: TokenScopeInput,
): { readonly scope: TokenScope; readonly belonging: Belonging } | OperationOutcome<never> {
  const { platform, resellerId, tenantId } = input;
  const named = [platform, resellerId, tenantId].filter((member) => member !== null && member !== undefined);
  if (named.length !== 1 || platform === false) {
    return invalidInput("scope has exactly one of platform, resellerId, tenantId.", "scope");
  }
  if (platform === true) {
    if (caller.scope.kind !== "platform") throw new OperationForbidden(["platform"]);
    return { scope: { kind: "platform" }, belonging: {} };
  }
  if (typeof resellerId === "string") {
    const reseller = view.reseller(resellerId);
    if (reseller === undefined) return notFound("scope", "resellerId");
    const id = reseller.resellerId;
    return { scope: { kind: "reseller", id }, belonging: { resellerId: id } };
  }
  const tenant = view.tenant(tenantId ?? "");
  if (tenant === undefined) return notFound("scope", "tenantId");
  const { tenantId: id, resellerId: parent } = tenant;
  return { scope: { kind: "tenant", id }, belonging: { tenantId: id, resellerId: parent } };
}

function sameScope(a: TokenScope, b: TokenScope): boolean {
  if (a.kind === "platform" || b.kind === "platform") return a.kind === b.kind;
  return a.kind === b.kind && a.id === b.id;
}

function createTokenCreate(kit: OperationKit): Operations["tokenCreate"] {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "tokenCreate",
      input,
      prepare(identity) {
        const view = kit.view(caller);
        const placed = placeTokenScope(view, caller, input.scope);
        if ("errors" in placed) return placed;
        const { scope, belonging } = placed;
        const rotated = typeof input.rotates === "string" ? view.token(input.rotates) : undefined;
        if (typeof input.rotates === "string" && (rotated === undefined || !sameScope(rotated.scope, scope))) {
          return notFound("rotates");
        }
        const tokenId = identity.objectId("token");
        const secret = newSecret();
        let secretHash: Sealed | undefined;
        const stream = streams.token(tokenId);
        return {
          belonging,
          streams: [stream],
          async plan(load) {
            const loaded = await load(token, stream);
            const sealScope = belonging.tenantId ?? "platform";
            secretHash ??=
              input.dryRun === true
                ? { keyId: "dry-run", nonce: "", ciphertext: "" }
                : kit.deps.sealer.seal(sealScope, hashSecret(secret));
            return planOf(
              decideOn(token, loaded, {
                type: "CreateToken",
                tokenId,
                subject: rotated?.subject ?? tokenId,
                name: input.name,
                scope,
                secretHash,
                ...optional("expiresAt", input.expiresAt),
                facts: { at: kit.deps.clock.now(), scopeExists: true },
              }),
            );
          },
          value: ({ replayed, dryRun }) => ({
            token: kit.deps.directory.token(tokenId),
            // Only the first call can show it: the log keeps a hash.
            secret: replayed || dryRun ? undefined : formatBearerToken(tokenId, secret),
          }),
        };
      },
    });
}

function createTokenRevoke(kit: OperationKit): Operations["tokenRevoke"] {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "tokenRevoke",
      input,
      prepare() {
        const view = kit.view(caller);
        const record = view.token(input.tokenId);
        const belonging = record === undefined ? undefined : view.belongingOf(record.scope);
        if (record === undefined || belonging === undefined) return notFound("tokenId");
        const stream = streams.token(record.tokenId);
        return {
          belonging,
          streams: [stream],
          async plan(load) {
            return planOf(decideOn(token, await load(token, stream), { type: "RevokeToken" }));
          },
          value: () => kit.deps.directory.token(record.tokenId) ?? record,
        };
      },
    });
}
