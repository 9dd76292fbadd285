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

  test("keeps the members of inputs that the contract names", () => {
    const promised: Readonly<Record<string, string>> = {
      ResellerCreateInput: "name externalId",
      TenantCreateInput: "resellerId name externalId",
      DomainAddInput: "tenantId name",
      MailboxCreateInput: "tenantId address password displayName quotaBytes",
      PolicyUpdateInput: "scope set unset",
      SenderEntryAddInput: "scope list pattern expiresAt note",
      ScopeInput: "tenantId domainId",
    };
    for (const [name, members] of Object.entries(promised)) {
      const type = buildApiSchema().getType(name);
      assert.ok(type !== undefined && "getFields" in type, name);
      const fields = type.getFields();
      for (const member of members.split(" ")) assert.ok(Object.hasOwn(fields, member), `${name}.${member}`);
    }
    const optional = ["externalId", "displayName", "quotaBytes", "expiresAt", "note", "unset", "commandId", "dryRun"];
    for (const type of Object.values(buildApiSchema().getTypeMap())) {
      if (!type.name.endsWith("Input") || !("getFields" in type)) continue;
      for (const field of Object.values(type.getFields())) {
        if (optional.includes(field.name)) assert.ok(!String(field.type).endsWith("!"), `${type.name}.${field.name}`);
      }
    }
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
