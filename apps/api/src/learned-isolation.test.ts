import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { idFromUuid } from "@mailfold/ids";
import { createOperations } from "./operations/create-operations.ts";
import type { RunningApi } from "./ports.ts";
import { type ApiWorld, createApiWorld, graphql, platformCaller, startTestApi } from "./test-support/api-test-world.ts";
import { FeedClient } from "./test-support/feed-client-test-world.ts";
import {
  type LearnedObjects,
  learnOf,
  listSender,
  markMail,
  stopMail,
} from "./test-support/learned-listings-test-world.ts";
import { createTenantObjects } from "./test-support/resellers-test-world.ts";

const probesMin = 500;
const listingText = `pattern listing { listingId score share { mail } subject { value } evidenceTotal evidenceElsewhere pardons { id voided }
  changes { event } evidence(first: 10) { nodes { event tenantId reporter { id address } verdict { reference recipient } } }
  blocked { count verdicts(first: 10) { reference recipient tenantId } } }`;

/** A tenant's share in what was learned. */
interface Member {
  readonly of: LearnedObjects;
  /** UUIDs of its marks. */
  readonly marks: string[];
  /** Verdicts by which listings stopped its mail. */
  readonly stopped: string[];
}

/** A listing of the platform, and who has to do with it. */
interface SharedListing {
  readonly listingId: string;
  readonly pattern: string;
  readonly total: number;
  readonly evidence: ReadonlyMap<Member, string>;
  readonly stopped: ReadonlyMap<Member, string>;
}

/** Who asks: its members' things are its own. */
interface Role {
  readonly name: string;
  readonly token: string;
  readonly own: readonly Member[];
}

/** Seeded, so that a failure comes again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("learned lists and evidence over generated tenants", () => {
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  const members: Member[] = [];
  const shared: SharedListing[] = [];
  const roles: Role[] = [];
  let probes = 0;
  before(async () => {
    world = await createApiWorld();
    api = await startTestApi(world);
    const operations = createOperations(world.deps);
    const random = randomOf(20_261_124);
    for (const name of ["north", "south"]) {
      const made = await operations.resellerCreate(platformCaller, { name });
      const resellerId = made.value?.resellerId ?? "";
      const token = await operations.tokenCreate(platformCaller, { name, scope: { resellerId } });
      const own: Member[] = [];
      for (let count = 1; count <= 3; count += 1) own.push(await memberOf(resellerId, `${name}-${count}`));
      members.push(...own);
      roles.push({ name: `reseller ${name}`, token: token.value?.secret ?? "", own });
      for (const member of own) roles.push({ name: member.of.domainName, token: member.of.secret, own: [member] });
    }
    for (let count = 1; count <= 6; count += 1) shared.push(await shareListing(count, random));
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  async function memberOf(resellerId: string, name: string): Promise<Member> {
    const of = await learnOf(world, await createTenantObjects(world, resellerId, name));
    return { of, marks: [await markMail(world, of, of.verdict), await markMail(world, of, of.verdict)], stopped: [] };
  }

  /** Some tenants bear witness, some have mail stopped, others never hear of it. */
  async function shareListing(count: number, random: () => number): Promise<SharedListing> {
    const witnesses = members.filter(() => random() < 0.4);
    const evidence = new Map(witnesses.map((member) => [member, member.marks[count % 2] ?? ""]));
    const total = evidence.size + Math.floor(random() * 50);
    const pattern = `203.0.113.${count}`;
    const subject = { kind: "ip", value: pattern } as const;
    const named = { evidence: [...evidence.values()], evidenceTotal: total };
    const { listingId, eventId } = await listSender(world, { subject, ...named });
    const stopped = new Map<Member, string>();
    for (const member of members.filter(() => random() < 0.4)) {
      const verdictId = await stopMail(world, member.of, { byEvent: eventId, setAtScope: "platform" });
      stopped.set(member, verdictId);
      member.stopped.push(verdictId);
    }
    return { listingId, pattern, total, evidence, stopped };
  }

  /** All that names a tenant's things; none of it may reach another. */
  const namesOf = ({ of, marks, stopped }: Member): readonly string[] => {
    const { tenant, domain, domainName, mailbox, verdict, hold, listing, evidence, pardon, token } = of;
    const own = [tenant, domain, domainName, mailbox, verdict, hold, listing, evidence, pardon, token];
    return [...own, ...marks, ...marks.map((id) => idFromUuid("event", id)), ...stopped];
  };
  const isSeen = (role: Role, listing: SharedListing) =>
    role.own.some((member) => listing.evidence.has(member) || listing.stopped.has(member));
  const hiddenFrom = (role: Role): readonly string[] => [
    ...members.filter((member) => !role.own.includes(member)).flatMap(namesOf),
    ...shared.filter((listing) => !isSeen(role, listing)).map(({ listingId }) => listingId),
  ];

  /** Asks, and looks through the whole answer for what is not the role's. `asked` = the name that the question itself has. */
  async function probe(role: Role, query: string, asked: string) {
    const { text, data } = await graphql(api.url, query, { token: role.token });
    assert.ok(data !== undefined, text);
    const said = text.replaceAll(asked, "");
    const leak = hiddenFrom(role).find((name) => said.includes(name));
    assert.equal(leak, undefined, `${role.name}: ${query}: ${text}`);
    probes += 1;
    return data;
  }

  test("the platform's listings: one's own evidence and stopped mail, the rest as a number, or nothing at all", async () => {
    for (const role of roles) {
      for (const listing of shared) {
        const { listingId, pattern, total } = listing;
        const count = (of: ReadonlyMap<Member, string>) => role.own.filter((member) => of.has(member)).length;
        const data = await probe(
          role,
          `{ node(id: "${listingId}") { ... on SenderEntry { ${listingText} } } }`,
          listingId,
        );
        const own = role.name.startsWith("reseller")
          ? `resellerId: "${role.own[0]?.of.reseller}"`
          : `tenantId: "${role.own[0]?.of.tenant}"`;
        const list = `{ senderList(scope: {${own}}, list: LEARNED, first: 2, where: {pattern: "${pattern}"}) { nodes { ${listingText} } } }`;
        const { nodes } = (await probe(role, list, pattern)).senderList;
        if (!isSeen(role, listing)) {
          assert.deepEqual([data.node, nodes], [null, []], role.name);
          continue;
        }
        assert.deepEqual(nodes, [data.node]);
        const shown = data.node.listing;
        assert.deepEqual([shown.score, shown.share, shown.pardons], [null, null, []]);
        assert.equal(shown.evidence.nodes.length, count(listing.evidence));
        assert.deepEqual([shown.evidenceTotal, shown.evidenceElsewhere], [total, total - count(listing.evidence)]);
        assert.equal(shown.blocked.count, count(listing.stopped));
      }
    }
  });

  test("a tenant's listings, pardons and evidence are its subtree's alone", async () => {
    for (const role of roles) {
      for (const member of members) {
        const { listing, pardon, tenant, mailbox, evidence } = member.of;
        const isOwn = role.own.includes(member);
        const one = `{ node(id: "${listing}") { ... on SenderEntry { ${listingText} } } }`;
        assert.equal((await probe(role, one, listing)).node !== null, isOwn);
        const forgiven = `{ node(id: "${pardon}") { ... on SenderPardon { subject { value } voided } } }`;
        assert.equal((await probe(role, forgiven, pardon)).node !== null, isOwn);
        for (const [scope, name] of [
          [`tenantId: "${tenant}"`, tenant],
          [`mailboxId: "${mailbox}"`, mailbox],
        ] as const) {
          const list = `{ senderList(scope: {${scope}}, list: LEARNED, first: 2) { nodes { id ${listingText} } } }`;
          const { senderList } = await probe(role, list, name);
          assert.equal(senderList?.nodes.some((node: { id: string }) => node.id === listing) ?? false, isOwn);
        }
        const void1 = `mutation { senderPardon(input: {scope: {tenantId: "${role.own[0]?.of.tenant}"}, subject: "@x.example", voidEvidence: ["${evidence}"], dryRun: true}) { pardon { voided } errors { code message } } }`;
        const { errors } = (await probe(role, void1, evidence)).senderPardon;
        assert.equal(errors.length === 0, member === role.own[0], role.name);
      }
    }
  });

  test("pages of any size show the same: one's own listings, then the platform's that stopped mail, each once", async () => {
    for (const role of roles) {
      const first = role.own[0]?.of;
      const scope = role.name.startsWith("reseller")
        ? `resellerId: "${first?.reseller}"`
        : `tenantId: "${first?.tenant}"`;
      const pages = async (size: number): Promise<readonly string[]> => {
        const seen: string[] = [];
        for (let after = ""; ; ) {
          const list = `{ senderList(scope: {${scope}}, list: LEARNED, first: ${size}${after}) { nodes { id } pageInfo { hasNextPage endCursor } } }`;
          const { nodes, pageInfo } = (await probe(role, list, "?")).senderList;
          seen.push(...nodes.map((node: { id: string }) => node.id));
          if (!pageInfo.hasNextPage) return seen;
          after = `, after: "${pageInfo.endCursor}"`;
        }
      };
      const whole = await pages(100);
      const own = role.own.map(({ of }) => of.listing);
      const stopped = shared.filter((listing) => role.own.some((member) => listing.stopped.has(member)));
      assert.deepEqual([...whole.slice(0, own.length)].sort(), [...own].sort());
      assert.deepEqual([...whole.slice(own.length)].sort(), stopped.map(({ listingId }) => listingId as string).sort());
      for (const size of [1, 2, 3]) assert.deepEqual(await pages(size), whole, `${role.name}: pages of ${size}`);
    }
  });

  test("explain and the audit trail of what listings did", async () => {
    for (const role of roles) {
      for (const member of members) {
        for (const reference of [member.of.verdict, ...member.stopped]) {
          const query = `{ explain(reference: "${reference}") { facts verdict { reason scope policyEvent trace { setAtScope byEvent detail } } } }`;
          const { explain } = await probe(role, query, reference);
          assert.equal(explain !== null, role.own.includes(member));
        }
      }
      for (const type of "SenderListed SenderPardoned MessageMarked VerdictRecorded".split(" ")) {
        const query = `{ auditEvents(first: 100, where: {types: ["${type}"]}) { nodes { tenantId data } } }`;
        const { nodes } = (await probe(role, query, type)).auditEvents;
        const own: readonly string[] = role.own.map(({ of }) => of.tenant);
        assert.ok(nodes.length > 0, `${role.name}: ${type}`);
        assert.ok(nodes.every((node: { tenantId: string }) => own.includes(node.tenantId)));
      }
    }
  });

  test("the feed from its beginning", async () => {
    for (const role of roles) {
      const client = new FeedClient(api.url);
      await client.hello(role.token);
      client.send({ type: "subscribe", id: "a", from: "start", window: 1_000 });
      await client.until(() => client.of("caughtUp")[0]);
      const text = JSON.stringify(client.of("event"));
      client.socket.terminate();
      assert.match(text, /"SenderListed"/);
      for (const name of hiddenFrom(role)) {
        assert.ok(!text.includes(name), `${role.name}: ${name}`);
        probes += 1;
      }
    }
  });

  test(`at least ${probesMin} probes were made, and those that find something find it`, async (t) => {
    t.diagnostic(`${probes} probes`);
    assert.ok(probes >= probesMin, `${probes}`);
    assert.ok(
      shared.some((listing) => roles.some((role) => !isSeen(role, listing))),
      "a listing that somebody must not see",
    );
    assert.ok(
      shared.some((listing) => roles.some((role) => isSeen(role, listing))),
      "and one that somebody may",
    );
  });
});
