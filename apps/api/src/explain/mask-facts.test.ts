import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newId } from "@mailfold/ids";
import type { Caller } from "../caller.ts";
import { maskFacts } from "./mask-facts.ts";

const own = newId("tenant");
const foreign = newId("tenant");
const caller: Caller = { subject: "s", tokenId: "t", name: "n", scope: { kind: "tenant", id: own }, context: {} };
const domain = (tenantId: string) => ({ domainId: "dom_1", tenantId, name: "x.example", verified: true });

describe("maskFacts", () => {
  test("leaves the reader's own facts as they are", () => {
    const facts = {
      ip: "192.0.2.1",
      senderOwner: { domain: domain(own), isAddress: true },
      recipient: { address: "a@x.example", found: { kind: "local", domain: domain(own), targets: [] } },
      relayTenant: own,
    };
    assert.deepEqual(maskFacts(caller, facts), facts);
  });

  test("makes what is another tenant's read like what is not hosted here", () => {
    const facts = {
      host: { status: "confirmed", name: "mx.x.example", owner: domain(foreign) },
      senderOwner: { domain: domain(foreign), isAddress: true },
      login: { tenantId: foreign, address: "a@x.example" },
      recipient: { address: "a@x.example", found: { kind: "local", domain: domain(foreign), targets: [] } },
      relayTenant: foreign,
    };
    const masked = maskFacts(caller, facts);
    assert.deepEqual(masked, {
      host: { status: "confirmed", name: "mx.x.example", owner: null },
      senderOwner: null,
      login: null,
      recipient: { address: "a@x.example", found: { kind: "foreign" } },
    });
    assert.equal(JSON.stringify(masked).includes(foreign), false);
  });
});
