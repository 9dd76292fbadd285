import { type GraphQLSchema, lexicographicSortSchema, printSchema } from "graphql";
import { builder } from "./builder.ts";
import "./mutations/mailbox-mutations.ts";
import "./mutations/mark-mutations.ts";
import "./mutations/pardon-mutations.ts";
import "./mutations/policy-mutations.ts";
import "./mutations/quarantine-mutations.ts";
import "./mutations/shadow-mutations.ts";
import "./mutations/rule-mutations.ts";
import "./mutations/simulation-mutations.ts";
import "./mutations/tenant-mutations.ts";
import "./mutations/token-mutations.ts";
import "./mutations/undo-mutation.ts";
import "./queries/audit-queries.ts";
import "./queries/audit-subscription.ts";
import "./queries/directory-queries.ts";
import "./queries/platform-fields.ts";
import "./queries/policy-diff-query.ts";
import "./queries/policy-queries.ts";
import "./queries/quarantine-queries.ts";
import "./queries/shadow-queries.ts";
import "./queries/rule-queries.ts";
import "./queries/simulation-queries.ts";
import "./queries/simulation-subscription.ts";
import "./queries/verdict-queries.ts";
import "./queries/viewer-queries.ts";

let built: GraphQLSchema | undefined;

/** The API's schema; built once. */
export function buildApiSchema(): GraphQLSchema {
  built ??= lexicographicSortSchema(builder.toSchema());
  return built;
}

/** schema.graphql as it must read. */
export function printApiSchema(): string {
  return `# Printed by \`node scripts/print-schema.ts\`; a test fails when it differs from the code.\n\n${printSchema(buildApiSchema())}\n`;
}
