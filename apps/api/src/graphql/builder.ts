import SchemaBuilder from "@pothos/core";
import RelayPlugin from "@pothos/plugin-relay";
import { GraphQLError, Kind, type ValueNode } from "graphql";
import type { ApiContext } from "./api-context.ts";

/** Typed schema builder of the API. Ids are the objects' own prefixed ids, not Relay's base64. */
export const builder = new SchemaBuilder<{
  Context: ApiContext;
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: number; Output: number };
    Long: { Input: number; Output: number };
    JSON: { Input: unknown; Output: unknown };
  };
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    cursorType: "String",
    edgeCursorType: "String",
    pageInfoCursorType: "String",
    nodesOnConnection: true,
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: (id) => ({ typename: "Node", id }),
  },
});

builder.scalarType("DateTime", {
  description: "An instant in UTC, ISO 8601, e.g. `2026-11-24T09:30:00.000Z`.",
  serialize: (at) => new Date(at).toISOString(),
  parseValue(value) {
    const at =
      typeof value === "string" && /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(value)
        ? Date.parse(value)
        : Number.NaN;
    if (Number.isNaN(at)) throw new GraphQLError("A DateTime is ISO 8601 with a zone, e.g. 2026-11-24T09:30:00Z.");
    return at;
  },
});

builder.scalarType("Long", {
  description: "A whole number up to 2^53 - 1, for octets and counts.",
  serialize: (value) => value,
  parseValue(value) {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) {
      throw new GraphQLError("A Long is a whole number up to 2^53 - 1.");
    }
    return value;
  },
});

const jsonDepthMax = 8;

function literalToJson(node: ValueNode, depth = 0): unknown {
  if (depth > jsonDepthMax) throw new GraphQLError(`JSON may be nested ${jsonDepthMax} deep.`);
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.STRING:
    case Kind.ENUM:
    case Kind.BOOLEAN:
      return node.value;
    case Kind.NULL:
      return null;
    case Kind.LIST:
      return node.values.map((item) => literalToJson(item, depth + 1));
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, literalToJson(field.value, depth + 1)]));
    case Kind.VARIABLE:
      throw new GraphQLError("A variable must stand for the whole JSON value.");
  }
}

builder.scalarType("JSON", {
  description: "Any JSON value.",
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node) => literalToJson(node),
});

builder.queryType({ description: "Reads. Foreign objects answer exactly like missing ones." });
builder.mutationType({
  description: "Commands, one input each. Give a commandId to make a retry safe; dryRun decides and writes nothing.",
});
builder.subscriptionType({ description: "Live reads over server-sent events." });
