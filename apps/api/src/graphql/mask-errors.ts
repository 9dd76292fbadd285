import type { Logger } from "@mailfold/telemetry";
import { type ExecutionResult, GraphQLError } from "graphql";
import { OperationForbidden } from "../operations/operation-outcome.ts";
import type { ApiErrorCode } from "./api-error.ts";

const codes: ReadonlySet<string> = new Set<ApiErrorCode>([
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "THROTTLED",
  "BAD_REQUEST",
  "INTERNAL",
]);

/** One error as clients see it: a code of the closed list, requestId, and no word about our insides. */
function maskError(error: GraphQLError, requestId: string, log: Logger): GraphQLError {
  const place = {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
  };
  const original = error.originalError;
  if (original instanceof OperationForbidden) {
    const extensions = { code: "FORBIDDEN", requestId, requiredScopes: original.requiredScopes };
    return new GraphQLError(original.message, { ...place, extensions });
  }
  const { originalError: inside, http, ...shown } = error.extensions;
  // For Yoga, which takes the status from it and does not send it. `spec` = 200 where the answer is application/json; a body
  // that is no JSON is 400 in any case, by the GraphQL-over-HTTP draft.
  const status = http === undefined ? {} : { http: inside === undefined ? http : { ...http, spec: false } };
  if (typeof shown.code === "string" && codes.has(shown.code)) {
    return new GraphQLError(error.message, { ...place, extensions: { ...shown, ...status, requestId } });
  }
  // graphql-js makes errors of its own for bad documents and variables: they carry no original error.
  if (original === undefined || original === null || original instanceof GraphQLError) {
    return new GraphQLError(error.message, { ...place, extensions: { code: "BAD_REQUEST", ...status, requestId } });
  }
  log.error({ err: original, requestId }, "graphql: unexpected error");
  const extensions = { code: "INTERNAL", requestId };
  return new GraphQLError("Something went wrong on our side. Quote the requestId when you report it.", {
    ...place,
    extensions,
  });
}

/** A result with all its errors masked. */
export function maskResult(result: ExecutionResult, requestId: string, log: Logger): ExecutionResult {
  if (result.errors === undefined) return result;
  return { ...result, errors: result.errors.map((error) => maskError(error, requestId, log)) };
}
