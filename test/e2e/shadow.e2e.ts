import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { messageIn, type OptionWorld, startOptionWorld } from "./options/option-world.ts";
import { platformEnv, runMailfold } from "./platform.ts";

let world: OptionWorld;
let dir: string;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), "mailfold-shadow-"));
  world = await startOptionWorld();
  await world.set({ reverseDns: "off" });
  await world.entry("KILL", "@killed.example");
});
after(async () => {
  await world?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs the command line and answers its JSON. */
async function mailfold<T>(...args: readonly string[]): Promise<T> {
  const result = await runMailfold([...args, "--json"], platformEnv(world.platform.dataDir));
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as T;
}

const start = async (...changes: readonly string[]): Promise<string> => {
  const shadow = await mailfold<{ id: string; state: string }>("shadow", "start", "--scope", world.acme.id, ...changes);
  assert.equal(shadow.state, "running");
  return shadow.id;
};

interface Shown {
  readonly state: string;
  readonly report: {
    readonly total: number;
    readonly same: number;
    readonly counts: readonly { from: string; fromReason: string; to: string; toReason: string; count: number }[];
    readonly samples: readonly { reference: string; action: string }[];
  };
}

/** The report once so many verdicts are in it. */
async function report(id: string, total: number): Promise<Shown["report"]> {
  for (const deadline = Date.now() + 10_000; ; ) {
    const { report: shown } = await mailfold<Shown>("shadow", "report", id);
    if (shown.total >= total) return shown;
    assert.ok(Date.now() < deadline, `${shown.total} of ${total} verdicts after 10 s`);
  }
}
const told = ({ counts }: Shown["report"]) =>
  counts.map(({ count, fromReason, toReason }) => `${count} ${fromReason} -> ${toReason}`);

const peer = "198.51.100.200";
const letter = (from: string, subject: string) => ({
  ip: peer,
  from,
  message: `From: <${from}>\nTo: <${world.user.address}>\nSubject: ${subject}\n\nx\n`,
});

describe("shadows", () => {
  test("judge real mail beside the policy and change nothing, until one is promoted", async () => {
    const rules = join(dir, "changes.json");
    const rule = {
      name: "offers",
      all: [{ field: "subject", operator: "contains", values: ["offer"] }],
      actions: [{ do: "quarantine" }],
    };
    writeFileSync(rules, JSON.stringify([{ ruleSave: { rule } }]));
    const kill = await start("--kill", "@foreign.example", "--note", "are they all spam?");
    const offers = await start("--changes", rules);
    const pardon = await start("--unkill", "@killed.example");
    const both = await start("--set", "sizeLimitBytes=65536", "--set", "dmarc=off");
    const full = await runMailfold(
      ["shadow", "start", "--scope", world.acme.id, "--set", "spf=off"],
      platformEnv(world.platform.dataDir),
    );
    assert.equal(full.code, 1);
    assert.match(full.stderr, /SHADOWS_FULL/);

    assert.equal(await world.send(letter("someone@foreign.example", "hello")), "250 accepted");
    assert.equal(await world.send(letter("someone@client.example", "an offer")), "250 accepted");
    assert.equal(await world.send(letter("eve@killed.example", "hello")), "550 kill-listed");
    const big = letter("someone@client.example", "big");
    assert.equal(
      await world.send({ ...big, message: `${big.message}${"x".repeat(70)}\n`.repeat(1_000) }),
      "250 accepted",
    );

    assert.deepEqual(told(await report(kill, 4)), ["1 accepted -> kill-listed"]);
    assert.deepEqual(told(await report(offers, 4)), ["1 accepted -> rule-quarantined"]);
    assert.deepEqual(told(await report(pardon, 4)), ["1 kill-listed -> accepted"]);
    const sizes = await report(both, 4);
    assert.deepEqual(told(sizes), ["1 accepted -> size-exceeded"]);
    assert.equal(sizes.same, 3);
    const [sample] = (await report(kill, 4)).samples;
    assert.match(sample?.reference ?? "", /^vrd_/);
    assert.ok(await messageIn(world, "an offer"));

    await mailfold("shadow", "promote", kill);
    assert.equal(await world.send(letter("someone@foreign.example", "again")), "550 kill-listed");
    await mailfold("shadow", "drop", offers);
    assert.equal(await world.send(letter("someone@client.example", "one more offer")), "250 accepted");
    assert.equal((await report(pardon, 6)).total, 6);
    assert.equal((await report(offers, 5)).total, 5);
    const states = await mailfold<readonly { id: string; state: string }[]>("shadow", "list", "--scope", world.acme.id);
    assert.deepEqual(
      new Map(states.map(({ id, state }) => [id, state])),
      new Map([
        [both, "running"],
        [pardon, "running"],
        [offers, "dropped"],
        [kill, "promoted"],
      ]),
    );
  });

  test("nothing of it stands in the tenant's feed of verdicts, where those above may run shadows too", async () => {
    const { secret } = await ownToken();
    const query = `{ auditEvents(first: 100, where: {types: ["VerdictRecorded"]}) { nodes { data } } }`;
    const { auditEvents } = await world.platform.graphql<{ auditEvents: { nodes: { data: object }[] } }>(
      query,
      {},
      secret,
    );
    assert.ok(auditEvents.nodes.length >= 6);
    assert.ok(auditEvents.nodes.every(({ data }) => !("shadows" in data)));
  });
});

async function ownToken(): Promise<{ readonly secret: string }> {
  const query = `mutation($input: TokenCreateInput!) { tokenCreate(input: $input) { secret } }`;
  const input = { name: "own", scope: world.scope };
  return (await world.platform.graphql<{ tokenCreate: { secret: string } }>(query, { input })).tokenCreate;
}
