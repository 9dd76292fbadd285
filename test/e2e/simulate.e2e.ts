import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type OptionWorld, startOptionWorld } from "./options/option-world.ts";
import { commandsOf, openPageShell, type PageShell } from "./page-commands.ts";
import { platformEnv, runMailfold } from "./platform.ts";

const page = "docs/how-to/try-a-rule-on-last-weeks-mail.md";
const blocks = commandsOf(page);
let world: OptionWorld;
let shell: PageShell;

before(async () => {
  world = await startOptionWorld();
  await world.set({
    reverseDns: "off",
    phraseList: [{ phrase: "cheap pills", points: 4.5 }],
    spamThresholds: { junk: 7, reject: 15 },
  });
  shell = openPageShell(world.platform.dataDir);
  shell.given.set("TENANT", world.acme.id);
});
after(() => world?.stop());

async function follow(heading: string): Promise<string> {
  const block = blocks.get(heading)?.[0];
  assert.ok(block !== undefined, `${page} has no command under "${heading}"`);
  return shell.run(block);
}

interface Simulated {
  readonly verdicts: number;
  readonly changed: number;
  readonly undecidable: number;
  readonly matrix: readonly { readonly from: string; readonly to: string; readonly count: number }[];
  readonly samples: readonly { readonly reference: string; readonly sender: string; readonly to: string }[];
}

async function simulate(...args: readonly string[]): Promise<Simulated> {
  const result = await runMailfold(
    ["simulate", "--scope", world.acme.id, ...args, "--json"],
    platformEnv(world.platform.dataDir),
  );
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as Simulated;
}

/** The same five mails each time. */
async function sendAll(): Promise<readonly string[]> {
  const replies: string[] = [];
  const letters = [
    ["sale@offers.example", "hello"],
    ["ann@offers.example", "hello"],
    ["someone@foreign.example", "cheap pills for you"],
    ["other@foreign.example", "cheap pills again"],
    ["other@foreign.example", "minutes of the meeting"],
  ] as const;
  for (const [from, body] of letters) {
    const message = `From: <${from}>\nTo: <${world.user.address}>\nSubject: letter\n\n${body}\n`;
    replies.push((await world.send({ ip: "198.51.100.200", from, message })).slice(0, 3));
  }
  return replies;
}

const cells = ({ matrix }: Simulated) =>
  Object.fromEntries(matrix.map(({ count, from, to }) => [`${from} ${to}`, count]));

/** Verdicts of the tenant so far by action. */
async function actions(): Promise<Readonly<Record<string, number>>> {
  const query = "query($id: ID!) { verdicts(first: 100, where: {tenantId: $id}) { nodes { action } } }";
  const { verdicts } = await world.platform.graphql<{ verdicts: { nodes: { action: string }[] } }>(query, {
    id: world.acme.id,
  });
  const counted: Record<string, number> = {};
  for (const { action } of verdicts.nodes) counted[action] = (counted[action] ?? 0) + 1;
  return counted;
}

describe(page, () => {
  test("what a kill entry and a threshold are predicted to do is what they do to the same traffic", async () => {
    assert.deepEqual(await sendAll(), ["250", "250", "250", "250", "250"]);
    const asked = await follow("1. Ask");
    assert.match(asked, /changed +2\n/);
    assert.match(asked, /accept +reject +2/);
    assert.match(await follow("2. Ask again"), /changed +3\n/);

    const predicted = await simulate("--kill", "sale@offers.example", "--set", 'spamThresholds={"junk":4,"reject":15}');
    assert.deepEqual([predicted.verdicts, predicted.changed, predicted.undecidable], [5, 3, 0]);
    assert.deepEqual(cells(predicted), { "accept accept": 2, "accept reject": 1, "accept junk": 2 });
    assert.ok(predicted.samples.every(({ reference }) => reference.startsWith("vrd_")));
    const before = await actions();

    await follow("3. Do it");
    await world.set({ spamThresholds: { junk: 4, reject: 15 } });
    assert.deepEqual(await sendAll(), ["550", "250", "250", "250", "250"]);
    const after = await actions();
    const gained = (action: string) => (after[action] ?? 0) - (before[action] ?? 0);
    assert.deepEqual([gained("accept"), gained("reject"), gained("junk")], [2, 1, 2]);
  });

  test("taking the entry off again: mail refused at RCPT would come to be read", async () => {
    const freed = await simulate("--unkill", "sale@offers.example");
    assert.equal(cells(freed)["reject reaches-data"], 1);
  });

  test("a rule on the text is undecidable, one on the sender is decided", async () => {
    const rule = (field: string) =>
      JSON.stringify({
        rules: [
          {
            name: "r",
            all: [{ field, operator: "contains", values: ["foreign"] }],
            actions: [{ do: "quarantine" }],
          },
        ],
      });
    const set = (field: string) => `rules=${JSON.stringify(JSON.parse(rule(field)).rules)}`;
    const blind = await simulate("--set", set("body"));
    assert.ok(blind.undecidable > 0 && blind.changed === 0, JSON.stringify(blind));
    const sighted = await simulate("--set", set("sender"));
    assert.equal(sighted.undecidable, 0);
    assert.ok(sighted.changed >= 2, JSON.stringify(sighted.matrix));
  });
});
