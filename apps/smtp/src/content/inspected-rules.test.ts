import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import type { Facts, MissingFacts, ScopedRules } from "@mailfold/policy";
import type { ContentServices } from "./content-services.ts";
import { asking, contentFacts, contentServices, policyWith, tenantId } from "./content-test-world.ts";
import { MessageInspection } from "./message-inspection.ts";

const plain =
  "From: x@sender.test\r\nTo: alice@a.test\r\nSubject: Cheap refi\r\nDate: now\r\n\r\nbuy p.i.l.l.s at http://shop.bad.test/x\r\n";
let open: ContentServices[] = [];
afterEach(async () => {
  await Promise.all(open.map((each) => each.close()));
  open = [];
});

function inspect(text: string, more: Parameters<typeof contentServices>[0] = {}, budgetMs?: number) {
  const services = contentServices(more);
  open.push(services);
  const inspection = new MessageInspection(
    services,
    { bytes: Buffer.from(text), transactionId: "msg_1", recipients: ["alice@a.test", "bob@a.test"] },
    budgetMs,
  );
  return {
    inspection,
    services,
    ask: async (missing: MissingFacts, facts: Facts = contentFacts()) =>
      (await inspection.source(missing, facts)).content,
  };
}

describe("rules", () => {
  const scoped = (kind: "platform" | "tenant", rules: readonly SettingValue[]): ScopedRules =>
    kind === "platform"
      ? { scope: { kind }, rules, byEvent: "evt_p" }
      : { scope: { kind, id: tenantId }, rules, byEvent: "evt_t" };

  test("all scopes' rules run, platform first, over headers, body, score and authentication", async () => {
    const compiled = policyWith({}, [
      scoped("platform", [
        {
          name: "subject",
          all: [{ field: "subject", operator: "contains", values: ["refi"] }],
          actions: [{ do: "header", name: "X-Seen", value: "yes" }],
        },
      ]),
      scoped("tenant", [
        {
          name: "body",
          all: [{ field: "body", operator: "contains", values: ["p.i.l.l.s"] }],
          actions: [{ do: "file", folder: "Pills" }],
        },
        {
          name: "score",
          all: [{ field: "score", operator: "atLeast", value: 4 }],
          actions: [{ do: "flag", flag: "x" }],
        },
        { name: "spf", all: [{ field: "spf", operator: "equals", values: ["pass"] }], actions: [{ do: "discard" }] },
      ]),
    ]);
    const { ask } = inspect(plain, { compiled });
    const fact = (await ask(asking(["rules"], { score: 4.5 })))?.rules;
    assert.deepEqual(
      fact?.matched.map(({ scope, rule, line }) => [scope, rule, line]),
      [
        ["platform", "subject", "subject: Cheap refi"],
        ["tenant", "body", "body 1: buy p.i.l.l.s at http://shop.bad.test/x"],
        ["tenant", "score", undefined],
      ],
    );
    assert.deepEqual(
      fact?.actions.map(({ action }) => action.do),
      ["header", "file", "flag"],
    );
    const spf = { result: "pass", identity: "mailfrom", domain: "sender.test" } as const;
    const passed = (await ask(asking(["rules"]), contentFacts({ spf })))?.rules;
    assert.deepEqual(
      passed?.matched.map(({ rule }) => rule),
      ["subject", "body", "spf"],
    );
  });

  test("patterns of all recipients together cost what one recipient's do, and a shadow's spend nothing of it", async () => {
    const dear = scoped("tenant", [
      {
        name: "dear",
        all: [{ field: "header", header: "x-a", operator: "matches", values: ["(?:a?b?){100}a[ab]{90}\\d"] }],
        actions: [{ do: "discard" }],
      },
    ]);
    const sound = {
      ...scoped("tenant", [
        {
          name: "sound",
          all: [{ field: "subject", operator: "matches", values: ["ref[i1]"] }],
          actions: [{ do: "discard" }],
        },
      ]),
      byEvent: "evt_s",
    };
    const fields = Array.from({ length: 60 }, (_, at) => {
      const random = Array.from({ length: 1_000 }, (_none, letter) => {
        return Math.imul(at * 1_000 + letter + 1, 0x9e3779b1) >>> 31 === 1 ? "a" : "b";
      });
      return `X-A: ${random.join("")}\r\n`;
    });
    const { ask, inspection } = inspect(fields.join("") + plain, { compiled: policyWith({}, [dear]) });
    const startedAt = performance.now();
    for (let recipient = 0; recipient < 100; recipient += 1) {
      const facts = contentFacts({ sender: { address: `x${recipient}@sender.test`, form: "plain" } });
      const content = await ask(asking(["rules"]), facts);
      assert.deepEqual(content?.rules?.undecided, [{ rule: "dear", scope: "tenant" }]);
    }
    assert.ok(performance.now() - startedAt < 3_000);
    const onTrial = await inspection.sourceUnder(policyWith({}, [sound]))(asking(["rules"]), contentFacts());
    assert.equal(onTrial.content?.rules?.matched.length, 1);
  });

  test("a body test left open for one tenant is asked again for another, not for the same", async () => {
    const compiled = policyWith({}, [
      scoped("platform", [
        {
          name: "body",
          all: [{ field: "body", operator: "contains", values: ["p.i.l.l.s"] }],
          actions: [{ do: "flag", flag: "x" }],
        },
      ]),
    ]);
    const { ask, services } = inspect(plain, { compiled });
    const owners: string[] = [];
    const { match } = services.rules.pool;
    Object.assign(services.rules.pool, {
      match: async (...[content, tests, owner]: Parameters<typeof match>) => {
        owners.push(owner);
        return owner === tenantId ? new Map() : match(content, tests, owner);
      },
    });
    const other = "ten_0000000000000000000000000b" as typeof tenantId;
    const rules = async (of: typeof tenantId) =>
      (await ask(asking(["rules"], { tenantId: of, path: { tenantId: of } })))?.rules;
    assert.equal((await rules(tenantId))?.undecided.length, 1);
    assert.equal((await rules(tenantId))?.undecided.length, 1);
    assert.equal((await rules(other))?.matched.length, 1);
    assert.deepEqual(owners, [tenantId, other]);
  });

  test("to a foreign recipient outbound rules run, inbound ones do not", async () => {
    const compiled = policyWith({}, [
      scoped("tenant", [
        { name: "in", all: [], actions: [{ do: "discard" }] },
        { name: "out", direction: "outbound", all: [], actions: [{ do: "header", name: "X-Out", value: "1" }] },
      ]),
    ]);
    const { ask } = inspect(plain, { compiled });
    const recipient = {
      address: "far@away.test",
      form: "plain",
      acceptedBefore: 0,
      found: { kind: "foreign" },
    } as const;
    const fact = (await ask(asking(["rules"]), contentFacts({ recipient })))?.rules;
    assert.deepEqual(
      fact?.matched.map(({ rule }) => rule),
      ["out"],
    );
  });
});
