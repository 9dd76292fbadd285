import { GraphQLError } from "graphql";

/** The closed list of top-level error codes (contract.md 4); everything else is a UserError in a payload. */
export type ApiErrorCode = "UNAUTHENTICATED" | "FORBIDDEN" | "THROTTLED" | "BAD_REQUEST" | "INTERNAL";

/** A top-level error; `more` joins its extensions. */
export function apiError(
  code: ApiErrorCode,
  message: string,
  more: Readonly<Record<string, unknown>> = {},
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...more } });
}

/** A BAD_REQUEST whose `reason` is a catalogued code, such as PROJECTION_LAGGING or CURSOR_OTHER_LOG. */
export function badRequest(reason: string, message: string): GraphQLError {
  return apiError("BAD_REQUEST", message, { reason });
}

/** The body of an error answered before GraphQL runs. */
export function errorBody(code: ApiErrorCode, message: string, requestId: string) {
  return { errors: [{ message, extensions: { code, requestId } }] };
}
