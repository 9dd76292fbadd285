import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import type { TenantId } from "@mailfold/kernel";
import { MimeBudgetExceeded } from "@mailfold/mime";
import { messageTrace } from "@mailfold/projection-message-trace";
import { platformCaller } from "../test-support/api-test-world.ts";
import { holdMail } from "../test-support/held-mail-test-world.ts";
import { codes, operationsWorld } from "../test-support/operations-test-world.ts";
import { createTenantObjects, type TenantObjects } from "../test-support/resellers-test-world.ts";

const message = [
  "From: Shop <shop@offers.example>",
  "To: user@acme.example",
  "Subject: =?utf-8?Q?Cheap_watches?=",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "Dear friend,",
  "buy\u202e cheap watches now",
  "bye",
  "",
].join("\r\n");
const words = { field: "body", operator: "contains", value: "WATCHES" };
const subject = { field: "subject", operator: "startsWith", value: "cheap" };

describe("ruleTest", () => {
  const house = operationsWorld();
  const objects = async (name = "acme"): Promise<TenantObjects> => {
    const reseller = await house.operations.resellerCreate(platformCaller, { name: `ISP ${name}` });
    return createTenantObjects(house.world, reseller.value?.resellerId ?? "", name);
  };
  const ask = (messageReference: string, rule: object, tenantId: string) =>
    house.operations.ruleTest(platformCaller, {
      scope: { tenantId },
      rule: { name: "r", all: [words], actions: [{ do: "quarantine" }], ...rule },
      messageReference,
    });
  const append = async (to: TenantObjects, stream: string, event: { readonly type: string; readonly data: object }) => {
    const metadata = {
      tenantId: to.tenant,
      resellerId: to.reseller,
      actor: { type: "peer", id: "192.0.2.9" },
    } as never;
    const whole = { id: crypto.randomUUID(), metadata, occurredAt: Date.now(), ...event };
    await house.world.store.append({ stream, expected: "any", events: [whole as never] });
    await house.world.fold();
  };
  const transactionOf = ({ verdict }: TenantObjects) =>
    String(house.world.deps.rows.get(messageTrace, "verdicts", { verdictId: verdict })?.transactionId);

  test("a held copy: each condition with its outcome and line, and what would follow", async () => {
    const to = await objects();
    const { id } = await holdMail(house.world, to, { message });
    const outcome = await ask(
      id,
      {
        all: [
          { any: [{ field: "sender", operator: "equals", value: "x@y.example" }, words] },
          { not: { field: "attachmentName", operator: "exists" } },
          subject,
          { field: "size", operator: "atLeast", value: 10 },
          { field: "spf", operator: "equals", value: "pass" },
        ],
      },
      to.tenant,
    );
    assert.deepEqual(codes(outcome), []);
    const test = outcome.value;
    assert.deepEqual([test?.result, test?.runs, test?.direction, test?.actions], ["no", true, "inbound", []]);
    assert.deepEqual(
      test?.conditions.map(({ path, result, line }) => [path.join("."), result, line?.number, line?.text]),
      [
        ["all.0", "yes", 2, "buy  cheap watches now"],
        ["all.0.any.0", "no", undefined, undefined],
        ["all.0.any.1", "yes", 2, "buy  cheap watches now"],
        ["all.1", "yes", undefined, undefined],
        ["all.1.not", "no", undefined, undefined],
        ["all.2", "yes", undefined, "subject: Cheap watches"],
        ["all.3", "yes", undefined, undefined],
        ["all.4", "no", undefined, undefined],
      ],
    );
    assert.deepEqual(test?.message, {
      sender: "eve@spam.example",
      recipient: to.address,
      sizeBytes: Buffer.byteLength(message),
    });
  });

  test("what held mail may not do is dropped; a rule that would not be asked does nothing", async () => {
    const to = await objects();
    const { id } = await holdMail(house.world, to, { message });
    const forward = { do: "forward", to: ["a@far.example"] };
    const tag = { do: "tag", text: "[x]" };
    const done = await ask(id, { actions: [forward, tag, { do: "stop" }] }, to.tenant);
    assert.equal(done.value?.result, "yes");
    assert.deepEqual(done.value?.line, { field: "body", text: "buy  cheap watches now", number: 2 });
    assert.deepEqual(done.value?.actions, [tag, { do: "stop" }]);
    assert.deepEqual(done.value?.dropped, [{ action: forward, why: "held" }]);
    for (const rule of [{ enabled: false }, { direction: "outbound" }]) {
      const idle = await ask(id, rule, to.tenant);
      assert.deepEqual([idle.value?.result, idle.value?.runs, idle.value?.actions], ["yes", false, []]);
    }
  });

  test("authentication and points come from the verdict's facts", async () => {
    const to = await objects();
    const dkim = [{ result: "pass", domain: "offers.example", aligned: true }];
    const spf = { result: "softfail", identity: "mailfrom", domain: "offers.example" };
    const authentication = {
      spf,
      dkim,
      dmarc: { result: "pass", domain: "offers.example" },
      arc: { result: "none", sealers: [] },
    };
    const { id } = await holdMail(house.world, to, { message, facts: { content: { authentication } } });
    const all = [
      { field: "spf", operator: "equals", value: "softfail" },
      { field: "dkim", operator: "equals", value: "pass" },
      { field: "dmarc", operator: "equals", value: "pass" },
    ];
    assert.equal((await ask(id, { all }, to.tenant)).value?.result, "yes");
  });

  test("points are those of the facts under the policy of now; an accept list leaves none", async () => {
    const to = await objects();
    const owner = { tenantId: to.tenant, resellerId: to.reseller };
    const status = { verified: true, tenantInboundOff: false, tenantSubmissionOff: false };
    const domain = { ...owner, domainId: to.domain, name: to.domainName, ...status };
    const targets = [{ mailboxId: to.mailbox, address: to.address, suspended: false, overQuota: false }];
    const facts = {
      at: house.world.deps.clock.now(),
      listener: "mx",
      ip: "10.0.0.9",
      tls: false,
      host: { status: "none" },
      helo: "mail.shop.example",
      sender: { address: "eve@shop.example", form: "plain" },
      senderOwner: null,
      recipient: { address: to.address, form: "plain", found: { kind: "local", domain, targets }, acceptedBefore: 0 },
      content: {
        sizeBytes: 100,
        bareLineEnd: false,
        from: ["eve@shop.example"],
        replyTo: [],
        fromCount: 1,
        received: 0,
        deliveredTo: [],
        broken: false,
        classifier: { verdict: "spam", probability: 0.99, tokens: [] },
        rules: { actions: [{ action: { do: "discard" }, rule: "x", scope: "tenant" }], matched: [], undecided: [] },
      },
    };
    const { id } = await holdMail(house.world, to, { message, facts });
    const test = async () =>
      (await ask(id, { all: [{ field: "score", operator: "atLeast", value: 5 }] }, to.tenant)).value;
    const scored = await test();
    assert.deepEqual([scored?.message.score, scored?.result], [5, "yes"]);
    const entry = { scope: { tenantId: to.tenant }, list: "accept", pattern: "10.0.0.9" } as const;
    assert.deepEqual(codes(await house.operations.senderEntryAdd(platformCaller, entry)), []);
    const spared = await test();
    assert.deepEqual([spared?.message.score, spared?.result], [undefined, "no"]);
  });

  test("a delivered copy by the verdict's or the mail's reference; when it was deleted, nothing can be read", async () => {
    const to = await objects();
    const transactionId = transactionOf(to);
    const { body } = await holdMail(house.world, to, { message });
    const gone = await ask(to.verdict, {}, to.tenant);
    assert.deepEqual([codes(gone), gone.errors[0]?.path], [["CONTENT_UNAVAILABLE"], ["messageReference"]]);
    const data = { deliveryId: crypto.randomUUID(), folder: "INBOX", body, prefix: "", sizeBytes: 1, internalDate: 1 };
    const about = { flags: [], transactionId, verdictId: to.verdict };
    await append(to, streams.mail(to.mailbox as never), { type: "MessageDelivered", data: { ...data, ...about } });
    house.world.copies.set(`${to.mailbox} ${to.verdict}`, [{ body }]);
    for (const reference of [to.verdict, transactionId]) {
      const found = await ask(reference, { all: [subject] }, to.tenant);
      assert.deepEqual([codes(found), found.value?.result], [[], "yes"], reference);
      assert.equal(found.value?.message.sender, "eve@spam.example");
    }
    house.world.copies.clear();
    assert.deepEqual(codes(await ask(transactionId, {}, to.tenant)), ["CONTENT_UNAVAILABLE"]);
  });

  test("mail on its way out is found, the bounce about it is not taken for it", async () => {
    const to = await objects();
    const { body } = await holdMail(house.world, to, { message });
    const queued = (messageId: string, sender: string) => ({
      type: "MessageQueued",
      data: {
        messageId,
        sender,
        recipients: ["x@far.example"],
        body,
        prefix: "",
        sizeBytes: 1,
        vouchedBy: "login",
        expiresAt: Date.now() + 1_000,
        smtpUtf8: false,
        eightBit: false,
      },
    });
    const transactionId = transactionOf(to);
    const bounce = newId("message");
    const actor = { type: "system", id: "outbound" };
    const owner = { tenantId: to.tenant, resellerId: to.reseller };
    const metadata = { correlationId: transactionId, ...owner, actor } as never;
    const event = { id: crypto.randomUUID(), occurredAt: 1, metadata, ...queued(bounce, "") };
    await house.world.store.append({ stream: streams.outbound(bounce), expected: "any", events: [event as never] });
    await house.world.fold();
    assert.deepEqual(codes(await ask(to.verdict, {}, to.tenant)), ["CONTENT_UNAVAILABLE"]);
    const stream = streams.outbound(transactionId as never);
    await append(to, stream, queued(transactionId, "eve@spam.example"));
    assert.equal((await ask(to.verdict, {}, to.tenant)).value?.result, "yes");
  });

  test("what takes too long is said: the message not read, or the test left open", async () => {
    const to = await objects();
    const { id } = await holdMail(house.world, to, { message });
    const { deps } = house.world;
    Object.assign(deps.ruleContent, { match: async () => new Map() });
    const open = await ask(id, {}, to.tenant);
    assert.deepEqual([open.value?.result, open.value?.conditions[0]?.result], ["undecided", "undecided"]);
    Object.assign(deps.mime, { text: () => Promise.reject(new MimeBudgetExceeded("mime text")) });
    assert.deepEqual(codes(await ask(id, {}, to.tenant)), ["CONTENT_UNAVAILABLE"]);
  });

  test("others' mail, others' scopes and what is no reference are not found; a bad rule is refused first", async () => {
    const to = await objects();
    const other = await objects("rival");
    const { id } = await holdMail(house.world, other, { message });
    const caller = { ...platformCaller, subject: "t", scope: { kind: "tenant", id: to.tenant as TenantId } } as const;
    const rule = { name: "r", all: [words], actions: [{ do: "quarantine" }] };
    for (const messageReference of [id, other.verdict, transactionOf(other), newId("hold"), "x", to.mailbox]) {
      const input = { scope: { tenantId: to.tenant }, rule, messageReference };
      const outcome = await house.operations.ruleTest(caller, input);
      assert.deepEqual(
        [codes(outcome), outcome.errors[0]?.path],
        [["NOT_FOUND"], ["messageReference"]],
        messageReference,
      );
    }
    const foreign = { scope: { tenantId: other.tenant }, rule, messageReference: id };
    assert.deepEqual((await house.operations.ruleTest(caller, foreign)).errors[0]?.path, ["scope", "tenantId"]);
    assert.deepEqual(codes(await ask(id, { all: [{}] }, to.tenant)), ["RULE_INVALID"]);
  });
});
