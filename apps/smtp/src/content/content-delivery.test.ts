import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import type { MessageDelivered, MessageHeld, MessageQueued } from "@mailfold/events";
import { ids } from "../testing/fake-deps.ts";
import { policyHouse } from "../testing/policy-house.ts";

const header = "From: x@ext.test\r\nTo: alice@a.test\r\nSubject: hi\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n";
const text = `${header}\r\nbody\r\n`;
const peer = "192.0.2.10";

describe("content decides", () => {
  const house = policyHouse();
  const tenantA = { kind: "tenant", id: ids.tenantA } as const;
  const tenantB = { kind: "tenant", id: ids.tenantB } as const;
  const rules = (...actions: readonly SettingValue[]) =>
    house.set(tenantA, "rules", [{ name: "r", all: [], actions: [...actions] }]);
  const deliver = async (recipients: readonly string[], content: string = text, ip = peer) => {
    const client = await house.from(ip);
    const replies = await client.deliver(recipients, `${content}.\r\n`);
    client.close();
    return replies.at(-1)?.replace(/ \(ref .*/, "");
  };
  const deliveries = () =>
    house.deps.fakeJournal
      .of("MessageDelivered")
      .map(({ data, stream }) => ({ ...(data as MessageDelivered["data"]), stream }));
  const holds = () => house.deps.fakeJournal.of("MessageHeld").map(({ data }) => data as MessageHeld["data"]);
  const bodyOf = (sha256: string) =>
    Buffer.from(
      house.deps.fakeJournal.commits.flatMap(({ bodies }) => bodies ?? []).find(({ ref }) => ref.sha256 === sha256)
        ?.bytes ?? [],
    ).toString();
  const scored = (score: number) => ({
    scan: async () =>
      ({ status: "scanned", score, requiredScore: 15, action: "x", symbols: [{ name: "GTUBE", score }] }) as const,
  });

  test("rspamd's points make junk, or a refusal; the header says what for, and the body is the one that came", async () => {
    house.rspamd = scored(7);
    assert.match((await deliver(["alice@a.test", "carol@b.test"])) ?? "", /^250 2\.0\.0/);
    const [one, two] = deliveries();
    assert.deepEqual([one?.folder, two?.folder], [{ specialUse: "junk" }, { specialUse: "junk" }]);
    assert.equal(bodyOf(one?.body.sha256 ?? ""), text);
    assert.match(one?.prefix ?? "", /^X-Mailfold-Spam: yes; score=\d[\d.]*;[\s\S]*\trspamd=7\r\nReceived: /m);
    house.rspamd = scored(20);
    assert.equal(await deliver(["alice@a.test"]), "550 5.7.1 Message looks like spam");
    house.rspamd = scored(0);
    house.set({ kind: "platform" }, "reverseDns", "off");
    await deliver(["alice@a.test"]);
    assert.doesNotMatch(deliveries().at(-1)?.prefix ?? "", /X-Mailfold-Spam: yes/);
  });

  test("junkAction: a tag changes that copy's body only, and no folder; a tag that is there is not repeated", async () => {
    house.rspamd = scored(7);
    house.set(tenantA, "junkAction", "tag");
    await deliver(["alice@a.test", "carol@b.test"]);
    const [alice, carol] = deliveries();
    assert.deepEqual([alice?.folder, carol?.folder], ["INBOX", { specialUse: "junk" }]);
    assert.equal(bodyOf(alice?.body.sha256 ?? ""), text.replace("Subject: hi", "Subject: [SPAM] hi"));
    assert.equal(bodyOf(carol?.body.sha256 ?? ""), text);
    const tagged = text.replace("Subject: hi", "Subject: [SPAM] hi");
    await deliver(["alice@a.test"], tagged);
    assert.equal(bodyOf(deliveries().at(-1)?.body.sha256 ?? ""), tagged);
  });

  test("a virus is refused, held or hidden as virusAction says, whatever accept lists say, and from logins too", async () => {
    house.clamav = { scan: async () => ({ status: "infected", signature: "Eicar" }) };
    assert.equal(await deliver(["alice@a.test"]), "550 5.7.1 Message contains malware");
    house.set(tenantA, "virusAction", "quarantine");
    house.set(tenantB, "virusAction", "discard");
    house.set(tenantA, "quarantineDays", 3);
    assert.match((await deliver(["alice@a.test", "carol@b.test"])) ?? "", /^250/);
    const [alice, carol] = holds();
    assert.deepEqual([alice?.kind, carol?.kind, alice?.reason], ["quarantined", "discarded", "virus-quarantined"]);
    const days = ((alice?.expiresAt ?? 0) - Date.now()) / 86_400_000;
    assert.ok(days > 2.9 && days <= 3, String(days));
    const client = await house.loggedIn("192.0.2.20");
    const own = text.replace("x@ext.test", "alice@a.test");
    assert.match(
      (await client.deliver(["far@away.test"], `${own}.\r\n`, "alice@a.test")).at(-1) ?? "",
      /^550 5\.7\.1 /,
    );
    client.close();
  });

  test("a scanner that is down or talks nonsense: on we go, or 451", async () => {
    house.clamav = { scan: async () => ({ status: "down", cause: "connection refused" }) };
    house.set(tenantB, "scannerFailure", "defer");
    assert.match((await deliver(["alice@a.test"])) ?? "", /^250/);
    assert.match((await deliver(["carol@b.test"])) ?? "", /^451 4\.7\.1 Message cannot be scanned now/);
    assert.match((await deliver(["alice@a.test", "carol@b.test"])) ?? "", /^250/);
    assert.deepEqual(
      holds().map(({ kind, mailboxId }) => [kind, mailboxId]),
      [["deferred", ids.carol]],
    );
    house.clamav = {
      scan() {
        throw new Error("a bug of ours");
      },
    };
    assert.match((await deliver(["carol@b.test"])) ?? "", /^451 4\.7\.1 /);
  });

  test("forged results of our name are taken out, ours are put on top; other names' stay", async () => {
    house.txt.set("ext.test", "v=spf1 ip4:192.0.2.0/24 -all");
    house.txt.set("_dmarc.ext.test", "v=DMARC1; p=reject");
    const forged = "Authentication-Results: mx.test; dmarc=pass header.from=bank.test\r\n";
    const other = "Authentication-Results: mx.other.test; dmarc=fail\r\n";
    assert.match((await deliver(["alice@a.test"], forged + other + text)) ?? "", /^250/);
    const [copy] = deliveries();
    assert.equal(bodyOf(copy?.body.sha256 ?? ""), other + text);
    assert.match(
      copy?.prefix ?? "",
      /\r\nAuthentication-Results: mx\.test;\r\n\tspf=pass smtp\.mailfrom=ext\.test;\r\n\tdkim=none;\r\n\tdmarc=pass[^\r]*;\r\n\tarc=none\r\n/,
    );
  });

  test("DMARC fails: refused where the owner asks for it, junk where for quarantine, and told apart by From", async () => {
    house.txt.set("_dmarc.ext.test", "v=DMARC1; p=reject");
    assert.match((await deliver(["alice@a.test"])) ?? "", /^550 5\.7\.26 /);
    house.txt.set("_dmarc.ext.test", "v=DMARC1; p=quarantine");
    assert.match((await deliver(["alice@a.test"])) ?? "", /^250/);
    assert.deepEqual(deliveries()[0]?.folder, { specialUse: "junk" });
  });

  test("rules of all scopes: folder, copies, header, flag, tag; a mailbox's folder wins over Junk", async () => {
    house.rspamd = scored(7);
    house.set({ kind: "platform" }, "rules", [
      {
        name: "p",
        all: [],
        actions: [
          { do: "header", name: "X-Seen", value: "grüße" },
          { do: "file", folder: "Top" },
        ],
      },
    ]);
    rules({ do: "flag", flag: "\\Flagged" }, { do: "copy", folder: "Archive/2026" });
    house.set({ kind: "mailbox", id: ids.alice } as never, "rules", [
      {
        name: "m",
        all: [{ field: "score", operator: "atLeast", value: 5 }],
        actions: [
          { do: "file", folder: "Maybe" },
          { do: "tag", text: "[?]" },
        ],
      },
    ]);
    await deliver(["alice@a.test"]);
    const copies = deliveries();
    assert.deepEqual(
      copies.map(({ folder, flags }) => [(folder as { name: string }).name, flags]),
      [
        ["Maybe", ["\\Flagged"]],
        ["Archive/2026", ["\\Flagged"]],
      ],
    );
    assert.match(copies[0]?.prefix ?? "", /\r\nX-Seen: =\?UTF-8\?B\?Z3LDvMOfZQ==\?=\r\n/);
    assert.match(bodyOf(copies[0]?.body.sha256 ?? ""), /^Subject: \[\?\] hi\r$/m);
    assert.notEqual(copies[0]?.deliveryId, copies[1]?.deliveryId);
  });

  test("a rule refuses with its own words, holds, or discards", async () => {
    rules({ do: "reject", text: "Not today" });
    assert.equal(await deliver(["alice@a.test"]), "550 5.7.1 Not today");
    rules({ do: "quarantine" }, { do: "file", folder: "Later" });
    await deliver(["alice@a.test"]);
    rules({ do: "discard" });
    await deliver(["alice@a.test"]);
    assert.deepEqual(
      holds().map(({ kind, folder }) => [kind, (folder as { name: string } | undefined)?.name]),
      [
        ["quarantined", "Later"],
        ["discarded", undefined],
      ],
    );
  });

  test("outbound rules of the tenant: a header, and another message for those they treat otherwise", async () => {
    house.set(tenantA, "rules", [
      {
        name: "out",
        direction: "outbound",
        all: [{ field: "recipient", operator: "endsWith", values: ["@away.test"] }],
        actions: [
          { do: "header", name: "X-Out", value: "1" },
          { do: "forward", to: ["bob@a.test"] },
        ],
      },
    ]);
    const client = await house.loggedIn("192.0.2.20");
    const own = text.replace("x@ext.test", "alice@a.test");
    const replies = await client.deliver(["far@away.test", "near@by.test"], `${own}.\r\n`, "alice@a.test");
    assert.match(replies.at(-1) ?? "", /^250/, replies.join(" "));
    client.close();
    const queued = house.deps.fakeJournal.of("MessageQueued").map(({ data }) => data as MessageQueued["data"]);
    assert.deepEqual(
      queued.map(({ recipients, prefix, sender }) => [recipients, prefix.includes("X-Out: 1\r\n"), sender]),
      [
        [["far@away.test"], true, "alice@a.test"],
        [["near@by.test"], false, "alice@a.test"],
      ],
    );
    assert.notEqual(queued[0]?.messageId, queued[1]?.messageId);
    assert.deepEqual(
      deliveries().map(({ stream }) => stream),
      [`mail-${ids.bob}`],
    );
  });

  test("behind a trusted relay the first host beyond it is judged", async () => {
    house.set(tenantA, "trustedRelays", ["192.0.2.0/24"]);
    house.txt.set("ext.test", "v=spf1 ip4:203.0.113.5 -all");
    house.txt.set("_dmarc.ext.test", "v=DMARC1; p=reject");
    const through = (ip: string) =>
      `Received: from x.test (x.test [${ip}])\r\n\tby backup.test with ESMTP id 1; Tue, 24 Nov 2026 10:00:00 +0000\r\n${text}`;
    assert.match((await deliver(["alice@a.test"], through("203.0.113.5"))) ?? "", /^250/);
    assert.match(deliveries()[0]?.prefix ?? "", /spf=pass/);
    assert.match((await deliver(["alice@a.test"], through("203.0.113.6"))) ?? "", /^550 5\.7\.26 /);
  });

  test("classified spam is junk for the tenant whose users said so", async () => {
    house.classifier = {
      classify: (tenantId) =>
        tenantId === ids.tenantA
          ? { verdict: "spam", probability: 0.999, tokens: ["s:hi"] }
          : { verdict: "ham", probability: 0.01, tokens: [] },
    };
    await deliver(["alice@a.test", "carol@b.test"]);
    assert.deepEqual(
      deliveries().map(({ folder }) => folder),
      [{ specialUse: "junk" }, "INBOX"],
    );
  });
});
