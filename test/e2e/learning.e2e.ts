import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mulberry32 } from "../faults/kill-rounds.ts";
import { messageIdCounts, openImap } from "./imap-reader.ts";
import { openSession } from "./open-session.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { type MailboxLogin, mutate, provisionTenant } from "./provision.ts";
import { swaks } from "./swaks.ts";

const marksOfEach = 25;
const words = {
  spam: "casino jackpot lottery winner prize claim urgent transfer inheritance pills pharmacy replica discount mortgage refinance".split(
    " ",
  ),
  ham: "meeting agenda minutes project schedule review draft budget report invoice colleague kitchen holiday train server".split(
    " ",
  ),
  both: "please order today offer account update service customer payment thanks monday week office".split(" "),
};

/** A made-up letter: half of its words are its kind's own. */
function letter(kind: "spam" | "ham", n: number): { readonly id: string; readonly text: string } {
  const random = mulberry32(n * 2 + (kind === "spam" ? 1 : 0));
  const word = (): string => {
    const list = random() < 0.5 ? words[kind] : words.both;
    return list[Math.floor(random() * list.length)] ?? "";
  };
  const line = (length: number): string => Array.from({ length }, word).join(" ");
  const id = `<${kind}-${n}@letters.example>`;
  const headers = [
    "From: somebody@sender.example",
    "To: user@learners.test",
    `Subject: ${line(5)}`,
    `Message-ID: ${id}`,
  ];
  return { id, text: [...headers, "", line(12), line(12), line(12)].join("\r\n") };
}

describe("the built-in filter learns from what users do in their mail client", () => {
  let platform: Platform;
  let user: MailboxLogin;
  before(async () => {
    platform = await startPlatform();
    const [mailbox] = (await provisionTenant(platform, "learners", { locals: ["user"] })).mailboxes;
    assert.ok(mailbox);
    user = mailbox;
  });
  after(() => platform.stop());

  const metric = async (name: string, labels: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${platform.ports.http}/metrics`)).text();
    const line = text.split("\n").find((each) => each.startsWith(`mailfold_${name}{${labels}} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  };
  const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + 30_000;
    while (!(await look())) {
      assert.ok(Date.now() < deadline, `30 s without: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const deliver = async (kind: "spam" | "ham", count: number): Promise<void> => {
    const { dialogue } = await openSession({ port: platform.ports.smtp });
    for (let n = 0; n < count; n += 1) {
      assert.equal((await dialogue.command("MAIL FROM:<somebody@sender.example>")).code, 250);
      assert.equal((await dialogue.command(`RCPT TO:<${user.address}>`)).code, 250);
      assert.equal((await dialogue.command("DATA")).code, 354);
      assert.equal((await dialogue.body(letter(kind, n).text)).code, 250);
    }
    dialogue.close();
  };
  const folderOf = async (id: string): Promise<string> => {
    for (const folder of ["INBOX", "Junk"]) {
      if ((await messageIdCounts(platform.ports.imap, user, folder)).has(id)) return folder;
    }
    return "nowhere";
  };
  const sendOne = async (kind: "spam" | "ham", n: number): Promise<string> => {
    const { id, text } = letter(kind, n);
    const sent = await swaks({
      port: platform.ports.smtp,
      from: "somebody@sender.example",
      to: user.address,
      options: ["--data", text],
    });
    assert.equal(sent.code, 250, sent.transcript);
    return folderOf(id);
  };

  test("before anything was marked, everything arrives in INBOX", async () => {
    assert.equal(await sendOne("spam", 1_000), "INBOX");
  });

  test("25 moves to Junk and 25 out of it, and the next letters are sorted", { timeout: 120_000 }, async () => {
    await deliver("spam", marksOfEach);
    await deliver("ham", marksOfEach);
    const client = await openImap(platform.ports.imap, user);
    try {
      await client.mailboxOpen("INBOX");
      // The ham is thrown into Junk by mistake, and taken out again: the last word on a message counts.
      await client.messageMove("1:*", "Junk");
      await client.mailboxOpen("Junk");
      const ham = await client.search({ header: { "message-id": "<ham-" } }, { uid: true });
      assert.equal(ham === false || ham === undefined ? 0 : ham.length, marksOfEach);
      await client.messageMove(ham as number[], "INBOX", { uid: true });
    } finally {
      await client.logout();
    }
    const spam = marksOfEach + 1;
    assert.equal(await metric("marks_total", 'mark="spam",by="move"'), spam + marksOfEach);
    assert.equal(await metric("marks_total", 'mark="notSpam",by="move"'), marksOfEach);
    await until("every mark learned", async () => {
      const changed = await metric("classifier_marks_total", 'kind="ham",outcome="changed"');
      return changed === marksOfEach;
    });
    assert.equal(await metric("classifier_marks_total", 'kind="spam",outcome="trained"'), spam + marksOfEach);

    assert.equal(await sendOne("spam", 2_000), "Junk");
    assert.equal(await sendOne("ham", 2_000), "INBOX");
  });

  test("what was learned outlives kill -9, and nothing is learned twice", { timeout: 120_000 }, async () => {
    await platform.stop("SIGKILL");
    platform = await startPlatform({ dataDir: platform.dataDir });
    assert.equal(await sendOne("spam", 3_000), "Junk");
    assert.equal(await sendOne("ham", 3_000), "INBOX");
    assert.equal(await metric("classifier_marks_total", 'kind="spam",outcome="trained"'), 0);
  });

  test("a web client's report button says the same by the verdict's reference", async () => {
    const { verdicts } = await platform.graphql<{ verdicts: { nodes: readonly { id: string }[] } }>(
      `{ verdicts(first: 1, where: {recipient: "${user.address}"}) { nodes { id } } }`,
    );
    const reference = verdicts.nodes[0]?.id;
    const input = { reference, mark: "SPAM" };
    const { messageMark } = await mutate(platform, "messageMark", "messageMark { mark mailboxIds }", input);
    assert.deepEqual(messageMark, { mark: "SPAM", mailboxIds: [user.id] });
    await until("the report learned", async () => {
      return (await metric("classifier_marks_total", 'kind="spam",outcome="trained"')) === 1;
    });
  });
});
