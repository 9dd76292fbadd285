import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildSchema } from "graphql";
import { connectFeed } from "./feed-connection.ts";
import { type Answer, ask, makeRoles, missingLike, normal, pairs, type Role, requests } from "./foreign-answers.ts";
import { findSlots, type Kind } from "./foreign-probes.ts";
import { type NameServer, startNameServer } from "./name-server.ts";
import { type Platform, repository, startPlatform } from "./platform.ts";
import { dumpTenant, type TenantThings } from "./tenant-things.ts";
import {
  folderCommands,
  foldersOf,
  headOf,
  imapAnswers,
  mailPart,
  submissionAnswer,
  transcript,
} from "./told-by-protocol.ts";

const schema = buildSchema(readFileSync(join(repository, "schema.graphql"), "utf8"));
const slots = findSlots(schema);
const probesMin = 500;

describe("foreign answers like missing", () => {
  let dns: NameServer;
  let platform: Platform;
  let a: TenantThings;
  let sibling: TenantThings;
  let b: TenantThings;
  let roles: readonly Role[];
  let probes = 0;
  before(async () => {
    dns = await startNameServer({ records: [] });
    platform = await startPlatform({ env: { MAILFOLD_DEMO: "0", MAILFOLD_DNS: dns.address } });
    ({ a, sibling, b, roles } = await makeRoles(platform));
  });
  after(async () => {
    assert.equal(await platform.stop(), 0);
    await dns.stop();
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/, "the server logged an error");
  });

  test("every operation of the schema that names anything is probed", () => {
    const probed = new Set(slots.map((slot) => slot.operation));
    const all = [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
      Object.keys(type?.getFields() ?? {}),
    );
    const nameless = all.filter((name) => !probed.has(name));
    assert.deepEqual(
      nameless.sort(),
      [
        "backupCreate",
        "feedTicketCreate",
        "projectionRebuild",
        "projections",
        "resellerCreate",
        "sealRecord",
        "viewer",
      ],
      "these name nothing of a tenant's; a new operation must be probed or stand here",
    );
  });

  test("GraphQL: byte for byte, for every role; nothing is written", async (t) => {
    const dumps = await Promise.all([a, sibling, b].map((things) => dumpTenant(platform, things)));
    // The dump's own IMAP logins are recorded beside it.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const head = await headOf(platform);
    const different: string[] = [];
    for (const role of roles) {
      for (const slot of slots) {
        for (const [foreign, missing] of pairs(slot, role, probes)) {
          const asked = requests(slot, foreign, role.own.names);
          const unseen = requests(slot, missing, role.own.names);
          for (const [index, request] of asked.entries()) {
            const other = unseen[index] ?? request;
            const answers = await Promise.all([ask(platform, request, role), ask(platform, other, role)]);
            const [one, two] = [normal(answers[0], foreign), normal(answers[1], missing)];
            probes += 1;
            assert.ok(
              ![429, 500].includes(one.status) && !one.text.includes('"INTERNAL"'),
              `${slot.operation}: ${one.text}`,
            );
            if (JSON.stringify(one) !== JSON.stringify(two))
              different.push(
                `${role.name} ${slot.operation} ${slot.path.join(".")} ${JSON.stringify(request.variables)}\n  ${one.text.slice(0, 600)}\n  ${two.text.slice(0, 600)}`,
              );
          }
        }
      }
    }
    assert.deepEqual(different, []);
    assert.equal(await headOf(platform), head, "a probe wrote an event");
    const afterwards = await Promise.all([a, sibling, b].map((things) => dumpTenant(platform, things)));
    assert.deepEqual(afterwards, dumps);
    t.diagnostic(`${probes} probes in ${slots.length} places`);
  });

  test("strangers and mailbox credentials are nobody, whatever they name", async (t) => {
    const { address, password } = a.login;
    const tokens = [null, password, `${address}:${password}`, Buffer.from(`${address}:${password}`).toString("base64")];
    let count = 0;
    const different: string[] = [];
    for (const slot of slots) {
      for (const [foreign, missing] of pairs(slot, roles[0] as Role, probes).slice(0, 1)) {
        const token = tokens[count % tokens.length] ?? null;
        // A fresh address each time: after 20 failures in a minute an address is only told to wait.
        const from = `127.7.${Math.floor(count / 200) + 1}.${(count % 200) + 1}`;
        const [one, two] = await Promise.all([
          ask(platform, slot.request(foreign, a.names), { token, from }),
          ask(platform, slot.request(missing, a.names), { token, from }),
        ]);
        count += 1;
        assert.equal(one.status, 401, slot.operation);
        assert.match(one.text, /UNAUTHENTICATED/);
        if (JSON.stringify(normal(one, foreign)) !== JSON.stringify(normal(two, missing)))
          different.push(slot.operation);
      }
    }
    // A token's text begins with its id: the right id with a wrong secret is as unknown as a wrong id.
    const wrongSecret = b.secret.slice(0, -6) + (b.secret.endsWith("AAAAAA") ? "BBBBBB" : "AAAAAA");
    const wrongId = `mf_${"0".repeat(26)}${b.secret.slice(29)}`;
    const viewer = { query: "{ viewer { name } }", variables: {} };
    const answers = await Promise.all(
      [wrongSecret, wrongId].map((token) => ask(platform, viewer, { token, from: "127.7.99.1" })),
    );
    assert.deepEqual(...(answers.map((answer) => normal(answer, "")) as [Answer, Answer]));
    assert.deepEqual(different, []);
    probes += count + 1;
    t.diagnostic(`${count + 1} probes`);
  });

  test("the platform finds what the others must not: the same probes can fail", async (t) => {
    let found = 0;
    const blind: string[] = [];
    for (const slot of slots) {
      if (slot.kind === "position") continue;
      const name = b.names[slot.kind][0] ?? "";
      const missing = missingLike(name, slot.kind, 99);
      const dry = (request: { query: string; variables: Record<string, unknown> }) => ({
        ...request,
        variables:
          typeof request.variables.input === "object"
            ? { input: { ...request.variables.input, ...(slot.isCommand ? { dryRun: true } : {}) } }
            : request.variables,
      });
      const options = { token: platform.token };
      const one = normal(await ask(platform, dry(slot.request(name, b.names)), options), name);
      const two = normal(await ask(platform, dry(slot.request(missing, b.names)), options), missing);
      if (JSON.stringify(one) === JSON.stringify(two))
        blind.push(`${slot.operation} ${slot.path.join(".")} ${slot.kind}: ${one.text.slice(0, 200)}`);
      else found += 1;
    }
    t.diagnostic(`${found} places show a difference to the platform; not: ${blind.join("; ")}`);
    assert.ok(found >= 0.8 * (found + blind.length), blind.join("\n"));
  });

  test("platform matters are forbidden to resellers and tenants", async () => {
    for (const role of roles) {
      for (const query of [
        "{ projections { name } }",
        "{ sealRecord { name } }",
        "{ resellers { nodes { id } } }",
        'mutation { resellerCreate(input: {name: "x"}) { errors { code } } }',
        'mutation { projectionRebuild(input: {name: "directory"}) { errors { code } } }',
        'mutation { backupCreate(input: {directory: "/tmp/never"}) { errors { code } } }',
        'mutation { tokenCreate(input: {name: "x", scope: {platform: true}}) { errors { code } } }',
        "mutation { policyUpdate(input: {scope: {platform: true}, set: {vrfy: true}}) { errors { code } } }",
        "mutation { policyUpdate(input: {scope: {platform: true}, limits: {spf: {locked: true}}}) { errors { code } } }",
        "{ effectivePolicy(scope: {platform: true}) { settings { name } } }",
        'mutation { senderEntryAdd(input: {scope: {platform: true}, list: ACCEPT, pattern: "192.0.2.1"}) { errors { code } } }',
        `mutation { domainVerify(input: {domainId: "${role.own.tenant.domainId}", method: PLATFORM}) { errors { code } } }`,
      ]) {
        const { text } = await ask(platform, { query, variables: {} }, role);
        assert.match(text, /"FORBIDDEN"/, `${role.name}: ${query}`);
        probes += 1;
      }
    }
  });

  test("a tenant's reseller is not its to read or set: its own answers like a missing one", async () => {
    for (const role of roles.filter(({ name }) => name.startsWith("tenant"))) {
      const { resellerId } = role.own.tenant;
      const missing = missingLike(resellerId, "reseller", probes);
      for (const slot of slots.filter((each) => each.kind === "reseller" && each.path.includes("scope"))) {
        const [asked, unseen] = [resellerId, missing].map((id) => requests(slot, id, role.own.names));
        for (const [index, request] of (asked ?? []).entries()) {
          const one = normal(await ask(platform, request, role), resellerId);
          const two = normal(await ask(platform, unseen?.[index] ?? request, role), missing);
          assert.deepEqual(one, two, `${role.name} ${slot.operation}`);
          probes += 1;
        }
      }
    }
  });

  test("the feed: filters, positions and tokens of others are like missing ones", async (t) => {
    let count = 0;
    for (const role of roles) {
      const { names } = role.foreign;
      const cases: readonly (readonly [Kind, (name: string) => Record<string, unknown>])[] = [
        ["tenant", (tenant) => ({ from: "start", where: { tenant } })],
        ["tenant", (tenant) => ({ from: "start", where: { tenant, types: ["VerdictRecorded"] } })],
        ["token", (actor) => ({ from: "start", where: { actor } })],
        ["mailbox", (actor) => ({ from: "start", where: { actor, outcome: "success" } })],
        ["reseller", (tenant) => ({ from: "start", where: { tenant } })],
        ["position", (position) => ({ from: { position } })],
      ];
      for (const [kind, subscription] of cases) {
        const foreign = names[kind][0] ?? "";
        const missing = kind === "position" ? role.nobody : missingLike(foreign, kind, count);
        const [one, two] = await Promise.all(
          [foreign, missing].map((name) => transcript(platform, role.token ?? "", subscription(name))),
        );
        assert.deepEqual(one, two, `${role.name}: ${kind}`);
        // Only what the role's own scripts did after the foreign position may follow it.
        if (kind !== "position") assert.deepEqual(one, ["caughtUp"]);
        count += 1;
      }
    }
    const wrongSecret = `${b.secret.slice(0, -6)}AAAAAA`;
    const closes = await Promise.all(
      [wrongSecret, `mf_${"0".repeat(26)}${b.secret.slice(29)}`, a.login.password].map(async (token) => {
        const feed = await connectFeed(platform.ports.http);
        feed.send({ type: "hello", token });
        return feed.untilClosed();
      }),
    );
    assert.deepEqual(closes, Array(3).fill({ code: 4401, reason: "not authenticated" }));
    probes += count + 3;
    t.diagnostic(`${count + 3} probes`);
  });

  test("IMAP: another tenant's login and folder names are like missing ones", async (t) => {
    const dump = await dumpTenant(platform, b);
    const { login } = a;
    const own = await Promise.all([imapAnswers(platform, login.address, login.password, ["NOOP"])]);
    assert.match(own[0]?.join("") ?? "", /t1 OK.*t2 OK/);
    const passwords = [login.password, "wrong password 1"];
    const logins = b.names.address.flatMap((address) => [
      address,
      address.toUpperCase(),
      `${login.address}*${address}`,
    ]);
    let count = 0;
    for (const password of passwords) {
      await Promise.all(
        logins.map(async (name, index) => {
          const missing = name.replace(/\w+@bbbb/i, (found) =>
            found === found.toUpperCase() ? "NOBO@ZZZZ" : "nobo@zzzz",
          );
          const [one, two] = await Promise.all(
            [name, missing].map((each) => imapAnswers(platform, each, password, [])),
          );
          assert.deepEqual(one, two, `${name} ${index}`);
          assert.match(one?.join("") ?? "", /^t1 NO \[AUTHENTICATIONFAILED\]/);
          count += 1;
        }),
      );
    }
    for (const [index, folder] of foldersOf(b.login.address).entries()) {
      const missing = foldersOf("nobo@zzzz.test")[index] ?? "";
      const [one, two] = await Promise.all(
        [folder, missing].map((each) => imapAnswers(platform, login.address, login.password, folderCommands(each))),
      );
      assert.deepEqual(
        one?.map((line) => line.replaceAll(folder, "«folder»")),
        two?.map((line) => line.replaceAll(missing, "«folder»")),
      );
      count += folderCommands(folder).length;
    }
    assert.equal(mailPart(await dumpTenant(platform, b)), mailPart(dump));
    probes += count;
    t.diagnostic(`${count} probes`);
  });

  test("submission: another tenant's login is like a missing one", async () => {
    for (const address of b.names.address) {
      const { password } = a.login;
      const [one, two] = [
        await submissionAnswer(platform, address, password),
        await submissionAnswer(platform, "nobo@zzzz.test", password),
      ];
      assert.deepEqual(one, two);
      assert.equal(one.code, 535);
      probes += 1;
    }
  });

  test(`at least ${probesMin} probes were made`, (t) => {
    t.diagnostic(`${probes} probes in all`);
    assert.ok(probes >= probesMin, `${probes}`);
  });
});
