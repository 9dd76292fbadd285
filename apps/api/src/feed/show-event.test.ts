import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import type { RecordedEvent } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import { createOperations } from "../operations/create-operations.ts";
import { type ApiWorld, createApiWorld, platformCaller } from "../test-support/api-test-world.ts";
import { createTenantObjects, type TenantObjects } from "../test-support/resellers-test-world.ts";
import { showEvent } from "./show-event.ts";

describe("a verdict in a tenant's feed", () => {
  let world: ApiWorld;
  let own: TenantObjects;
  let foreign: TenantObjects;
  before(async () => {
    world = await createApiWorld();
    const made = await createOperations(world.deps).resellerCreate(platformCaller, { name: "A" });
    own = await createTenantObjects(world, made.value?.resellerId ?? "", "own");
    foreign = await createTenantObjects(world, made.value?.resellerId ?? "", "foreign");
  });
  after(() => world.close());

  /** A mail from a hosted stranger, refused by what the platform set. */
  const verdict = (): RecordedEvent => {
    const domain = ({ domain, tenant, reseller, domainName }: TenantObjects) => {
      return { domainId: domain, tenantId: tenant, resellerId: reseller, name: domainName, verified: true };
    };
    const policyEvent = crypto.randomUUID();
    return {
      id: crypto.randomUUID(),
      type: "VerdictRecorded",
      stream: streams.verdict(own.tenant as never, 0),
      revision: 0,
      position: "0000000000000001" as never,
      occurredAt: 0,
      metadata: { tenantId: own.tenant, resellerId: own.reseller, actor: { type: "peer", id: "192.0.2.9" } } as never,
      data: {
        verdictId: newId("verdict"),
        scope: "platform",
        policyEvent,
        decisiveLine: {
          step: "kill-list",
          setAtScope: "platform",
          byEvent: policyEvent,
          detail: `entry ${foreign.entry}`,
        },
        facts: {
          ip: "192.0.2.9",
          senderOwner: { domain: domain(foreign), isAddress: true, mailboxId: foreign.mailbox },
          recipient: { address: own.address, found: { kind: "local", domain: domain(own), targets: [] } },
        },
      },
    };
  };
  const caller = (scope: Caller["scope"]): Caller => ({ ...platformCaller, scope });

  test("says nothing of another tenant, nor of what stands above", () => {
    const shown = showEvent(world.deps, caller({ kind: "tenant", id: own.tenant as never }), verdict());
    const text = JSON.stringify(shown);
    for (const id of [foreign.tenant, foreign.domain, foreign.mailbox, foreign.entry, "isAddress", "policyEvent"]) {
      assert.equal(text.includes(id), false, `${id} in ${text}`);
    }
    const { scope, decisiveLine, facts } = JSON.parse(text).data as {
      scope: string;
      decisiveLine: object;
      facts: { recipient: { found: { domain: { tenantId: string } } } };
    };
    assert.equal(scope, "platform policy");
    assert.deepEqual(decisiveLine, { step: "kill-list", setAtScope: "platform policy" });
    assert.equal(facts.recipient.found.domain.tenantId, own.tenant);
  });

  test("is whole for the platform, and for a reseller within its subtree", () => {
    const event = verdict();
    assert.deepEqual(showEvent(world.deps, platformCaller, event).data, event.data);
    const asReseller = showEvent(world.deps, caller({ kind: "reseller", id: own.reseller as never }), event);
    assert.ok(JSON.stringify(asReseller.data).includes(foreign.mailbox));
  });

  test("of a login of another tenant reads like mail of a peer", () => {
    const event = verdict();
    const metadata = {
      ...event.metadata,
      actor: { type: "mailbox", id: foreign.mailbox },
      context: { ip: "192.0.2.9", protocol: "submission" },
    } as const;
    const shown = showEvent(world.deps, caller({ kind: "tenant", id: own.tenant as never }), { ...event, metadata });
    assert.deepEqual(shown.metadata.actor, { type: "peer", id: "192.0.2.9" });
    const ofSender = { ...metadata, tenantId: foreign.tenant as never };
    const asSender = caller({ kind: "tenant", id: foreign.tenant as never });
    const mine = showEvent(world.deps, asSender, { ...event, metadata: ofSender });
    assert.deepEqual(mine.metadata.actor, metadata.actor);
    const text = JSON.stringify(mine.data);
    for (const id of [own.tenant, own.domain]) assert.equal(text.includes(id), false, `${id} in ${text}`);
  });

  test("of a foreign recipient says nothing of what its filters found", () => {
    const event = verdict();
    const data = event.data as { decisiveLine: object; facts: object };
    const content = { sizeBytes: 9, classifier: { verdict: "spam", probability: 1, tokens: ["secret"] } };
    const line = { step: "score", detail: "3 points: phrases/secret" };
    const more = { ...data, decisiveLine: line, facts: { ...data.facts, content } };
    const asSender = caller({ kind: "tenant", id: foreign.tenant as never });
    const shown = showEvent(world.deps, asSender, { ...event, data: more });
    assert.equal(JSON.stringify(shown).includes("secret"), false);
    const asOwner = showEvent(world.deps, caller({ kind: "tenant", id: own.tenant as never }), {
      ...event,
      data: more,
    });
    assert.equal(JSON.stringify(asOwner).split("secret").length, 3);
  });
});
