import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { buildSchema } from "graphql";
import { connectFeed, openFeed } from "./feed-connection.ts";
import { findSlots, type Kind, type Names, type Slot } from "./foreign-probes.ts";
import { type Platform, repository, startPlatform } from "./platform.ts";
import { mutate } from "./provision.ts";
import { openDialogue } from "./smtp-dialogue.ts";
import { dumpTenant, makeTenantThings, platformEvent, sharedCommandId, type TenantThings } from "./tenant-things.ts";

const schema = buildSchema(readFileSync(join(repository, "schema.graphql"), "utf8"));
const slots = findSlots(schema);
const probesMin = 500;

/** A name of the same kind and length that nobody has. */
function missingLike(name: string, kind: Kind, salt: number): string {
  const noise = (length: number) =>
    (salt * 7_919 + 104_729)
      .toString(36)
      .repeat(20)
      .replace(/[ilou]/g, "z")
      .slice(0, length);
  if (/^[a-z]{3}_[0-9a-z]{26}$/.test(name)) return name.slice(0, -10) + noise(10);
  if (kind === "messageId") return `<${noise(name.length - 7)}.test>`;
  const at = name.indexOf("@");
  if (at > 0) return `${noise(at)}@${noise(name.length - at - 6)}.test`;
  return name.endsWith(".test") ? `${noise(name.length - 5)}.test` : noise(name.length);
}

interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly text: string;
}

/** One request; a token that asks faster than it may waits and asks again. */
async function ask(...call: Parameters<typeof post>): Promise<Answer> {
  for (;;) {
    const answer = await post(...call);
    if (answer.status !== 429 || call[2].token === null) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** POST /graphql from a chosen loopback address: failed authentications are counted by address. */
function post(
  platform: Platform,
  body: { readonly query: string; readonly variables: unknown },
  options: { readonly token: string | null; readonly from?: string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: "127.0.0.1",
        port: platform.ports.http,
        path: "/graphql",
        method: "POST",
        localAddress: options.from ?? "127.0.0.1",
        headers: {
          "content-type": "application/json",
          ...(options.token === null ? {} : { authorization: `Bearer ${options.token}` }),
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => {
          const { date: _date, "x-request-id": _id, ...headers } = response.headers;
          resolve({ status: response.statusCode ?? 0, headers: JSON.stringify(headers), text });
        });
      },
    );
    request.on("error", reject);
    request.end(JSON.stringify(body));
  });
}

/** An answer without what is each request's own: its id, and the name it asked for. */
function normal(answer: Answer, name: string): Answer {
  const text = answer.text
    .replaceAll(/req_[\w-]{16}/g, "«request»")
    .replaceAll(JSON.stringify(name).slice(1, -1), "«name»");
  return { ...answer, text };
}

interface Role {
  readonly name: string;
  readonly token: string | null;
  readonly own: TenantThings;
  readonly foreign: TenantThings;
  /** A position of nobody's event beside the foreign tenant's. */
  readonly nobody: string;
  /** Kinds that are not foreign after all: siblings share a reseller. */
  readonly shared?: readonly Kind[];
}

describe("foreign answers like missing", () => {
  let platform: Platform;
  let a: TenantThings;
  let sibling: TenantThings;
  let b: TenantThings;
  let roles: readonly Role[];
  let probes = 0;
  before(async () => {
    platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
    a = await makeTenantThings(platform, "aaaa");
    const besideA = await platformEvent(platform, "192.0.2.101");
    sibling = await makeTenantThings(platform, "sibl", a.tenant.resellerId);
    const besideSibling = await platformEvent(platform, "192.0.2.102");
    b = await makeTenantThings(platform, "bbbb");
    const besideB = await platformEvent(platform, "192.0.2.103");
    const resellerToken = async (things: TenantThings) => {
      const scope = { resellerId: things.tenant.resellerId };
      const made = await mutate(platform, "tokenCreate", "secret", { name: "reseller", scope });
      return made.secret as unknown as string;
    };
    roles = [
      { name: "tenant A", token: a.secret, own: a, foreign: b, nobody: besideB },
      { name: "tenant A", token: a.secret, own: a, foreign: sibling, nobody: besideSibling, shared: ["reseller"] },
      { name: "tenant B", token: b.secret, own: b, foreign: a, nobody: besideA },
      { name: "reseller A", token: await resellerToken(a), own: a, foreign: b, nobody: besideB },
      { name: "reseller B", token: await resellerToken(b), own: b, foreign: a, nobody: besideA },
    ];
  });
  after(async () => {
    assert.equal(await platform.stop(), 0);
    assert.doesNotMatch(platform.stderr(), /"level":"(error|fatal)"/, "the server logged an error");
  });

  /** Every name of the slot's kind beside a missing one. */
  function pairs(slot: Slot, role: Role): readonly (readonly [foreign: string, missing: string])[] {
    if (role.shared?.includes(slot.kind)) return [];
    if (slot.kind === "position") return role.foreign.names.position.map((name) => [name, role.nobody]);
    return role.foreign.names[slot.kind].map((name, index) => [name, missingLike(name, slot.kind, index + probes)]);
  }

  /** Inputs of one slot: as it is, and for mutations also dry and with a commandId that the other tenant used. */
  function requests(
    slot: Slot,
    name: string,
    own: Names,
  ): readonly { query: string; variables: Record<string, unknown> }[] {
    const { query, variables } = slot.request(name, own);
    const { input } = variables;
    if (typeof input !== "object") return [{ query, variables }];
    const more = [{}, { dryRun: true }, { commandId: sharedCommandId }];
    return more.map((members) => ({ query, variables: { input: { ...input, ...members } } }));
  }

  test("every operation of the schema that names anything is probed", () => {
    const probed = new Set(slots.map((slot) => slot.operation));
    const all = [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
      Object.keys(type?.getFields() ?? {}),
    );
    const nameless = all.filter((name) => !probed.has(name));
    assert.deepEqual(
      nameless.sort(),
      ["backupCreate", "feedTicketCreate", "projectionRebuild", "projections", "resellerCreate", "viewer"],
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
        for (const [foreign, missing] of pairs(slot, role)) {
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
      for (const [foreign, missing] of pairs(slot, roles[0] as Role).slice(0, 1)) {
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
            ? { input: { ...request.variables.input, dryRun: true } }
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
        "{ resellers { nodes { id } } }",
        'mutation { resellerCreate(input: {name: "x"}) { errors { code } } }',
        'mutation { projectionRebuild(input: {name: "directory"}) { errors { code } } }',
        'mutation { backupCreate(input: {directory: "/tmp/never"}) { errors { code } } }',
        'mutation { tokenCreate(input: {name: "x", scope: {platform: true}}) { errors { code } } }',
        "mutation { policyUpdate(input: {scope: {platform: true}, set: {vrfy: true}}) { errors { code } } }",
        'mutation { senderEntryAdd(input: {scope: {platform: true}, list: ACCEPT, pattern: "192.0.2.1"}) { errors { code } } }',
        `mutation { domainVerify(input: {domainId: "${role.own.tenant.domainId}", method: PLATFORM}) { errors { code } } }`,
      ]) {
        const { text } = await ask(platform, { query, variables: {} }, role);
        assert.match(text, /"FORBIDDEN"/, `${role.name}: ${query}`);
        probes += 1;
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
    const folders = (other: string) => [
      other,
      `${other}/INBOX`,
      `Other Users/${other}`,
      `user/${other}`,
      `#user/${other}`,
      `../${other}`,
    ];
    const commands = (folder: string) =>
      ["SELECT", "EXAMINE", "UNSUBSCRIBE", "DELETE"]
        .map((verb) => `${verb} "${folder}"`)
        .concat(
          `STATUS "${folder}" (MESSAGES UIDNEXT)`,
          `LIST "" "${folder}*"`,
          `LSUB "" "${folder}*"`,
          `RENAME "${folder}" "mine"`,
        );
    for (const [index, folder] of folders(b.login.address).entries()) {
      const missing = folders("nobo@zzzz.test")[index] ?? "";
      const [one, two] = await Promise.all(
        [folder, missing].map((each) => imapAnswers(platform, login.address, login.password, commands(each))),
      );
      assert.deepEqual(
        one?.map((line) => line.replaceAll(folder, "«folder»")),
        two?.map((line) => line.replaceAll(missing, "«folder»")),
      );
      count += commands(folder).length;
    }
    assert.equal(mailPart(await dumpTenant(platform, b)), mailPart(dump));
    probes += count;
    t.diagnostic(`${count} probes`);
  });

  test("submission: another tenant's login is like a missing one", async () => {
    const answer = async (login: string, password: string) => {
      const dialogue = await openDialogue({ port: platform.ports.submissions, implicitTls: true });
      try {
        await dialogue.reply();
        await dialogue.command("EHLO c.example");
        return await dialogue.authPlain(login, password);
      } finally {
        dialogue.close();
      }
    };
    for (const address of b.names.address) {
      const [one, two] = [await answer(address, a.login.password), await answer("nobo@zzzz.test", a.login.password)];
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

async function headOf(platform: Platform): Promise<string> {
  const feed = await openFeed(platform.ports.http, platform.token);
  feed.socket.terminate();
  return feed.welcome.head;
}

/** What a subscription is told until it has caught up, without positions. */
async function transcript(
  platform: Platform,
  token: string,
  subscription: Record<string, unknown>,
): Promise<readonly string[]> {
  const feed = await openFeed(platform.ports.http, token);
  feed.send({ type: "subscribe", id: "f", ...subscription });
  await feed.until(() => feed.of("caughtUp")[0] ?? feed.closed);
  feed.socket.terminate();
  const told = feed.messages.filter((message) => message.type !== "welcome" && message.type !== "bookmark");
  return [
    ...told.map(({ type, event }) => (event === undefined ? type : `${type} ${event.id}`)),
    ...(feed.closed ? [JSON.stringify(feed.closed)] : []),
  ];
}

function mailPart(dump: string): string {
  return JSON.stringify((JSON.parse(dump) as { mail: unknown }).mail);
}

/** Logs in over TLS and says the commands one after the other; answers every line but the greeting. */
function imapAnswers(
  platform: Platform,
  name: string,
  password: string,
  commands: readonly string[],
): Promise<readonly string[]> {
  const lines = [`LOGIN "${name}" "${password}"`, ...commands];
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port: platform.ports.imaps, rejectUnauthorized: false });
    const answers: string[] = [];
    let rest = "";
    let next = 0;
    const timer = setTimeout(() => socket.destroy(new Error(`IMAP: no answer to ${lines[next - 1]}`)), 20_000);
    const say = () => {
      if (next === lines.length) return socket.end("bye LOGOUT\r\n");
      next += 1;
      socket.write(`t${next} ${lines[next - 1]}\r\n`);
    };
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      const all = (rest + chunk).split("\r\n");
      rest = all.pop() ?? "";
      for (const line of all) {
        if (line.startsWith("* OK") && next === 0) say();
        else if (!line.startsWith("bye") && !line.startsWith("* BYE")) answers.push(line);
        if (line.startsWith(`t${next} `)) say();
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answers);
    });
  });
}
