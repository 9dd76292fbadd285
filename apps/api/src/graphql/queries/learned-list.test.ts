import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { idFromUuid } from "@mailfold/ids";
import { createOperations } from "../../operations/create-operations.ts";
import type { RunningApi } from "../../ports.ts";
import {
  type ApiWorld,
  adminToken,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "../../test-support/api-test-world.ts";
import {
  delistSender,
  holdStopped,
  learnOf,
  listSender,
  markMail,
  stopMail,
} from "../../test-support/learned-listings-test-world.ts";
import { createTenantObjects, type TenantObjects } from "../../test-support/resellers-test-world.ts";

const dayMs = 86_400_000;
const ip = (last: number) => ({ kind: "ip", value: `203.0.113.${last}` }) as const;

describe("learned listings over GraphQL", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  let resellerId: string;
  let acme: TenantObjects;
  let other: TenantObjects;
  let resellerToken: string;
  before(async () => {
    world = await createApiWorld();
    api = await startTestApi(world);
    const operations = createOperations(world.deps);
    resellerId = (await operations.resellerCreate(platformCaller, { name: "ISP" })).value?.resellerId ?? "";
    acme = await createTenantObjects(world, resellerId, "acme");
    other = await createTenantObjects(world, resellerId, "other");
    const token = await operations.tokenCreate(platformCaller, { name: "isp", scope: { resellerId } });
    resellerToken = token.value?.secret ?? "";
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  const ask = (query: string, token = acme.secret) => graphql(api.url, query, { token });
  async function listed(scope: string, more = "", token = acme.secret): Promise<string[]> {
    const { data, text } = await ask(`{ senderList(scope: {${scope}}, list: LEARNED${more}) { nodes { id } } }`, token);
    assert.ok(data?.senderList, text);
    return data.senderList.nodes.map((node: { id: string }) => node.id);
  }
  const own = () => `tenantId: "${acme.tenant}"`;

  test("a listing leads to its evidence, who reported it, and what it stopped", async () => {
    const spam = await markMail(world, acme, acme.verdict);
    const gone = "11111111-1111-4111-8111-111111111111";
    const { listingId, eventId } = await listSender(world, {
      of: acme,
      subject: { kind: "domain", value: "offer.example" },
      evidence: [spam, gone],
      evidenceTotal: 5,
    });
    const stopped = await stopMail(world, acme, { byEvent: eventId, setAtScope: acme.tenant });
    const at = world.deps.clock.now();
    const later = new Date(at + 7 * dayMs).toISOString();
    const { data, text } =
      await ask(`{ node(id: "${listingId}") { ... on SenderEntry { list pattern event expiresAt scope { id }
      listing { listingId state action score scoreAt(time: "${later}") threshold share { lowerBound mail spam } endedAt
        subject { kind value pattern } evidenceTotal evidenceElsewhere pardons { id } changes { change action score event }
        evidence(first: 1) { nodes { event kind count reporter { address } verdict { reference } } pageInfo { hasNextPage endCursor } }
        blocked { count isMore verdicts { reference reason } } } } } }`);
    const entry = data?.node;
    assert.ok(entry?.listing, text);
    assert.deepEqual([entry.list, entry.pattern, entry.scope.id], ["LEARNED", "@offer.example", acme.tenant]);
    assert.equal(entry.event, idFromUuid("event", eventId));
    const { listing } = entry;
    assert.deepEqual([listing.listingId, listing.state, listing.action], [listingId, "IN_FORCE", "REJECT"]);
    assert.ok(listing.score === 12 && Math.abs(listing.scoreAt - 6) < 0.001, text);
    assert.deepEqual([listing.evidenceTotal, listing.evidenceElsewhere, listing.endedAt], [5, 0, null]);
    const [named] = listing.evidence.nodes;
    assert.deepEqual(named, {
      event: idFromUuid("event", spam),
      kind: "USER_SPAM",
      count: 1,
      reporter: { address: acme.address },
      verdict: { reference: acme.verdict },
    });
    assert.equal(listing.evidence.pageInfo.hasNextPage, true);
    assert.deepEqual(listing.blocked, {
      count: 1,
      isMore: false,
      verdicts: [{ reference: stopped, reason: "learned-ip" }],
    });
    assert.deepEqual(
      listing.changes.map((change: { change: string }) => change.change),
      ["new"],
    );
    const rest = await ask(
      `{ node(id: "${listingId}") { ... on SenderEntry { listing { evidence(after: "${listing.evidence.pageInfo.endCursor}") {
        nodes { event kind at } pageInfo { hasNextPage } } } } } }`,
    );
    assert.deepEqual(rest.data.node.listing.evidence, {
      nodes: [{ event: idFromUuid("event", gone), kind: null, at: null }],
      pageInfo: { hasNextPage: false },
    });
  });

  test("lists hold what is in force, newest first, by scope; accept and kill lists are as before", async () => {
    const tenant = await learnOf(world, await createTenantObjects(world, resellerId, "lists"));
    const scope = `tenantId: "${tenant.tenant}"`;
    const a = await listSender(world, { of: tenant, subject: ip(1) });
    const b = await listSender(world, { of: tenant, subject: ip(2) });
    const c = await listSender(world, { of: tenant, subject: ip(3), expiresAt: world.deps.clock.now() + dayMs });
    const everything = [c.listingId, b.listingId, a.listingId, tenant.listing];
    await delistSender(world, tenant, { listingId: a.listingId, subject: ip(1) });
    const mine = [c.listingId, b.listingId, tenant.listing];
    assert.deepEqual(await listed(scope, "", tenant.secret), mine);
    for (const narrow of [`domainId: "${tenant.domain}"`, `mailboxId: "${tenant.mailbox}"`]) {
      assert.deepEqual(await listed(narrow, "", tenant.secret), mine, narrow);
    }
    assert.deepEqual(await listed(scope, ", where: {includeEnded: true}", tenant.secret), everything);
    assert.deepEqual(await listed(scope, `, where: {pattern: "203.0.113.2"}`, tenant.secret), [b.listingId]);
    const ended = `, where: {pattern: "203.0.113.1", includeEnded: true}`;
    assert.deepEqual(await listed(scope, ended, tenant.secret), [a.listingId]);
    const ofReseller = await listed(`resellerId: "${resellerId}"`, "", resellerToken);
    assert.ok(mine.every((id) => ofReseller.includes(id)));
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const page = `{ senderList(scope: {${scope}}, list: LEARNED, first: 1${cursor}, where: {includeEnded: true}) { nodes { id } pageInfo { hasNextPage endCursor } } }`;
      const { nodes, pageInfo } = (await ask(page, tenant.secret)).data.senderList;
      seen.push(...nodes.map((node: { id: string }) => node.id));
      if (!pageInfo.hasNextPage) break;
      cursor = `, after: "${pageInfo.endCursor}"`;
    }
    assert.deepEqual(seen, everything);
    world.advance(dayMs);
    assert.deepEqual(
      await listed(scope, "", tenant.secret),
      [b.listingId, tenant.listing],
      "past its end nobody is stopped",
    );
    const over = `{ node(id: "${c.listingId}") { ... on SenderEntry { listing { state endedBy } } } }`;
    assert.deepEqual((await ask(over, tenant.secret)).data.node.listing, { state: "ENDED", endedBy: "decayed" });
    const both = await ask(
      `{ senderList(scope: {${scope}}) { nodes { list pattern listing { listingId } } } }`,
      tenant.secret,
    );
    assert.deepEqual(both.data.senderList.nodes, [{ list: "KILL", pattern: "@spam.example", listing: null }]);
    const one = `{ senderList(scope: {${scope}}, where: {pattern: "@SPAM.example"}) { nodes { id } } }`;
    assert.equal((await ask(one, tenant.secret)).data.senderList.nodes.length, 1);
    const none = `{ senderList(scope: {${scope}}, where: {pattern: "@other.example"}) { nodes { id } } }`;
    assert.deepEqual((await ask(none, tenant.secret)).data.senderList.nodes, []);
  });

  test("of the platform's list a tenant sees what concerns it: its own evidence, the rest as a number", async () => {
    const mine = await markMail(world, acme, acme.verdict);
    const theirs = await markMail(world, other, other.verdict);
    const { listingId, eventId } = await listSender(world, {
      subject: ip(40),
      evidence: [theirs, mine],
      evidenceTotal: 9,
      tenants: 4,
    });
    const secret = await listSender(world, { subject: ip(41), evidence: [theirs], evidenceTotal: 4 });
    const text = `listing { score scoreAt(time: "2031-01-01T00:00:00Z") threshold share { mail } scope { kind } evidenceTotal evidenceElsewhere
      changes { score } pardons { id } evidence { nodes { event tenantId reporter { address } } } blocked { count verdicts { reference } } }`;
    const shown = (id: string, token?: string) =>
      ask(`{ node(id: "${id}") { ... on SenderEntry { ${text} } } }`, token);
    const { listing } = (await shown(listingId)).data.node;
    assert.deepEqual(
      [listing.score, listing.scoreAt, listing.threshold, listing.share, listing.changes],
      [null, null, null, null, [{ score: null }]],
    );
    assert.deepEqual([listing.scope.kind, listing.evidenceTotal, listing.evidenceElsewhere], ["PLATFORM", 9, 8]);
    assert.deepEqual(listing.evidence.nodes, [
      { event: idFromUuid("event", mine), tenantId: acme.tenant, reporter: { address: acme.address } },
    ]);
    assert.equal(
      (await shown(secret.listingId)).data.node,
      null,
      "not a word of a listing that is none of its business",
    );
    assert.deepEqual(await listed(own(), `, where: {pattern: "203.0.113.41"}`), []);
    assert.deepEqual(await listed(own(), `, where: {pattern: "203.0.113.40"}`), [listingId]);
    assert.ok(!(await listed(own())).includes(listingId), "it stopped nothing of this tenant");
    const stopped = await stopMail(world, acme, { byEvent: eventId, setAtScope: "platform" });
    await stopMail(world, other, { byEvent: eventId, setAtScope: "platform" });
    assert.equal((await listed(own())).at(-1), listingId, "the platform's come last");
    assert.deepEqual((await shown(listingId)).data.node.listing.blocked, {
      count: 1,
      verdicts: [{ reference: stopped }],
    });
    const reseller = (await shown(listingId, resellerToken)).data.node.listing;
    assert.deepEqual([reseller.blocked.count, reseller.evidenceElsewhere, reseller.score], [2, 7, null]);
    const platform = (await shown(listingId, adminToken)).data.node.listing;
    assert.deepEqual([platform.blocked.count, platform.evidenceElsewhere, platform.score > 11], [2, 0, true]);
    assert.deepEqual((await listed("platform: true", "", adminToken)).slice(0, 2), [secret.listingId, listingId]);
    const renewed = await listSender(world, { listingId, subject: ip(40), change: "renewed", evidence: [theirs] });
    await stopMail(world, acme, { byEvent: renewed.eventId, setAtScope: "platform" });
    assert.deepEqual(
      (await listed(own())).filter((id) => id === listingId),
      [listingId],
      "however often it was renewed",
    );
    assert.equal((await shown(listingId)).data.node.listing.blocked.count, 2);
  });

  test("a pardon over GraphQL: what it redelivered, the node, and the listing that shows it", async () => {
    const { listingId, eventId } = await listSender(world, { of: acme, subject: ip(60) });
    const held = await holdStopped(world, acme, { byEvent: eventId, setAtScope: acme.tenant });
    const input = `listingId: "${listingId}", forDuration: "P14D", reason: "our bank", redeliver: true`;
    const { data, text } = await ask(`mutation { senderPardon(input: {${input}}) {
      pardon { id until isInForce reason subject { pattern kind } scope { id } voided grantedBy }
      redelivery { released refused left results { id entry { status } errors { code } } } errors { code } receipt { events { type } } } }`);
    const { pardon, redelivery, errors, receipt } = data.senderPardon;
    assert.deepEqual(
      [errors, receipt.events.map((event: { type: string }) => event.type)],
      [[], ["SenderPardoned"]],
      text,
    );
    assert.deepEqual([pardon.isInForce, pardon.reason, pardon.grantedBy], [true, "our bank", acme.token]);
    assert.deepEqual([pardon.subject, pardon.scope.id], [{ pattern: "203.0.113.60", kind: "IP" }, acme.tenant]);
    assert.deepEqual(redelivery, {
      released: 1,
      refused: 0,
      left: false,
      results: [{ id: held.id, entry: { status: "RELEASED" }, errors: [] }],
    });
    const shown = `{ node(id: "${listingId}") { ... on SenderEntry { listing { pardons { id } } } } }`;
    assert.deepEqual((await ask(shown)).data.node.listing.pardons, [{ id: pardon.id }]);
    const lift = `mutation { senderPardonLift(input: {pardonId: "${pardon.id}"}) { pardon { isInForce liftedBy } errors { code } } }`;
    assert.deepEqual((await ask(lift, resellerToken)).data.senderPardonLift.pardon.isInForce, false);
    const node = (await ask(`{ node(id: "${pardon.id}") { ... on SenderPardon { isInForce liftedAt } } }`)).data.node;
    assert.deepEqual([node.isInForce, typeof node.liftedAt], [false, "string"]);
  });

  test("what is asked badly is refused in words", async () => {
    const problem = async (query: string) => {
      const { errors } = await ask(query);
      return errors?.[0]?.extensions?.code;
    };
    const list = (more: string) => `{ senderList(scope: {${own()}}, list: LEARNED${more}) { nodes { id } } }`;
    assert.equal(await problem(list(`, after: "x"`)), "BAD_REQUEST");
    assert.equal(await problem(list(`, where: {pattern: "@*offer.example"}`)), "BAD_REQUEST");
    assert.equal(await problem(list(`, where: {pattern: "203.0.113.0/25"}`)), "BAD_REQUEST");
    const time = new Date(world.deps.clock.now()).toISOString();
    assert.equal(await problem(list(`, asOf: {time: "${time}"}`)), "BAD_REQUEST");
    const add = `mutation { senderEntryAdd(input: {scope: {${own()}}, list: LEARNED, pattern: "192.0.2.1"}) { errors { code path } } }`;
    assert.deepEqual((await ask(add)).data.senderEntryAdd.errors, [{ code: "INVALID_INPUT", path: ["list"] }]);
  });
});
