import type { ObjectRef } from "@pothos/core";
import type { ApiContext } from "./api-context.ts";
import { badRequest } from "./api-error.ts";
import { builder } from "./builder.ts";
import { type PageArgs, pageSize } from "./connection.ts";

type BuilderTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never;

/** Relay connection and edge types of an object: forward paging only. */
export function connectionOf<T>(name: string, type: ObjectRef<BuilderTypes, T>) {
  return builder.connectionObject({ type, name: `${name}Connection` }, { name: `${name}Edge` });
}

/** Counts a page against what one request may read, so that nested connections cannot multiply without end. */
export function spendRows(context: ApiContext, args: PageArgs): void {
  context.rowsLeft -= pageSize(args);
  if (context.rowsLeft < 0) {
    throw badRequest("INVALID_INPUT", "This query would read too many rows. Ask for smaller pages.");
  }
}
