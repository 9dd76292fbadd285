import { badRequest } from "./api-error.ts";

const pageMax = 100;
const pageDefault = 50;

/** What a connection field is asked for. */
export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

/** A page of a Relay connection. */
export interface ConnectionOf<T> {
  readonly edges: { cursor: string; node: T }[];
  readonly pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
}

/** `first`, 1..100; anything else is a BAD_REQUEST rather than a silent cut. */
export function pageSize(args: PageArgs): number {
  const first = args.first ?? pageDefault;
  if (first < 1 || first > pageMax) throw badRequest("INVALID_INPUT", `first must be 1 to ${pageMax}.`);
  return first;
}

/** Builds the connection from up to first + 1 rows: the extra one only says that there is more. */
export function toConnection<T>(rows: readonly T[], args: PageArgs, cursorOf: (row: T) => string): ConnectionOf<T> {
  const first = pageSize(args);
  const edges = rows.slice(0, first).map((node) => ({ cursor: cursorOf(node), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage: args.after !== null && args.after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** Reads one page of the directory: asks for one more than wanted. */
export function directoryPage(args: PageArgs): { readonly first: number; readonly after?: string } {
  const first = pageSize(args) + 1;
  return args.after === null || args.after === undefined ? { first } : { first, after: args.after };
}
