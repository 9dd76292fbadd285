import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type OptionWorld, startOptionWorld } from "./options/option-world.ts";
import { commandsOf, openPageShell, type PageShell } from "./page-commands.ts";

const page = "docs/how-to/try-a-change-as-shadow.md";
const blocks = commandsOf(page);
const followed = new Set<string>();
let world: OptionWorld;
let shell: PageShell;

before(async () => {
  world = await startOptionWorld();
  await world.set({ reverseDns: "off" });
  shell = openPageShell(world.platform.dataDir);
  shell.given.set("TENANT", world.acme.id);
});
after(() => world?.stop());

async function follow(heading: string, index = 0): Promise<string> {
  const block = blocks.get(heading)?.[index];
  assert.ok(block !== undefined, `${page} has no command block ${index} under "${heading}"`);
  followed.add(`${heading} ${index}`);
  return shell.run(block);
}

const offer = { ip: "198.51.100.200", from: "sale@offers.example" };

describe(page, () => {
  test("a shadow tells what it would refuse, and refuses it once promoted", async () => {
    await follow("1. Start it");
    const senders = [offer.from, "someone@foreign.example"];
    for (const from of senders) {
      const message = `From: <${from}>\nTo: <${world.user.address}>\nSubject: hello\n\nx\n`;
      assert.match(await world.send({ ...offer, from, message }), /^250 /);
    }
    let report = "";
    for (const deadline = Date.now() + 10_000; !/total +2/.test(report); ) {
      assert.ok(Date.now() < deadline, report);
      report = await follow("2. Wait, then look", 0);
    }
    assert.match(report, /same +1\nchanged +1/);
    assert.match(report, /accept +accepted +reject +kill-listed +1/);
    const [reference] = /vrd_\w+/.exec(report) ?? [];
    shell.given.set("REF", reference ?? "");
    assert.match(await follow("2. Wait, then look", 1), /The mail was accepted/);
    assert.match(await follow("3. Promote it, or drop it", 0), /state +promoted/);
    assert.equal(await world.send({ ...offer, from: offer.from }), "550 kill-listed");
  });

  test("one that is no good is dropped", async () => {
    assert.match(await follow("3. Promote it, or drop it", 1), /state +dropped/);
  });

  test("every command of the page was run", () => {
    const all = [...blocks].flatMap(([heading, list]) => list.map((_, index) => `${heading} ${index}`));
    assert.deepEqual(
      all.filter((name) => !followed.has(name)),
      [],
    );
  });
});
