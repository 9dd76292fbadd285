import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { buildSchema, findBreakingChanges } from "graphql";
import { buildApiSchema, printApiSchema } from "./schema.ts";

const committed = readFileSync(new URL("../../../../schema.graphql", import.meta.url), "utf8");

describe("schema.graphql", () => {
  test("breaks nothing that was promised", () => {
    const breaking = findBreakingChanges(buildSchema(committed), buildSchema(printApiSchema()));
    assert.deepEqual(
      breaking.map((change) => change.description),
      [],
      "a breaking change is announced in CHANGELOG.md first, then the schema is printed again",
    );
  });

  test("is the printed schema", () => {
    assert.equal(printApiSchema(), committed, "run: node scripts/print-schema.ts");
  });

  test("has every operation of the contract", () => {
    const schema = buildApiSchema();
    const mutations = `resellerCreate tenantCreate tenantSuspend tenantResume domainAdd domainVerify domainRemove mailboxCreate
      mailboxUpdate mailboxSetPassword mailboxSuspend mailboxResume mailboxDelete mailboxRestore aliasAdd aliasRemove
      policyUpdate senderEntryAdd senderEntryRemove tokenCreate tokenRevoke projectionRebuild backupCreate feedTicketCreate`;
    const queries = `viewer node tenant tenants resellers domain mailbox mailboxes effectivePolicy senderList verdicts
      messageTrace explain auditEvents tokens projections`;
    for (const name of mutations.split(/\s+/)) assert.ok(schema.getMutationType()?.getFields()[name], name);
    for (const name of queries.split(/\s+/)) assert.ok(schema.getQueryType()?.getFields()[name], name);
    assert.ok(schema.getSubscriptionType()?.getFields().auditEvents);
  });

  test("every input that changes something takes commandId and dryRun", () => {
    const without = new Set(["ProjectionRebuildInput", "BackupCreateInput"]);
    for (const field of Object.values(buildApiSchema().getMutationType()?.getFields() ?? {})) {
      const input = field.args.find((argument) => argument.name === "input");
      const text = String(input?.type ?? "").replace("!", "");
      if (input === undefined || without.has(text)) continue;
      const type = buildApiSchema().getType(text);
      assert.ok(type !== undefined && "getFields" in type, text);
      const fields = Object.keys(type.getFields());
      assert.ok(fields.includes("commandId") && fields.includes("dryRun"), text);
    }
  });
});
