import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import type { Facts, MissingFacts } from "@mailfold/policy";
import { createContentReader } from "./content-reader.ts";
import type { ContentServices } from "./content-services.ts";
import { asking, contentFacts, contentServices, policyWith, tenantId } from "./content-test-world.ts";
import { MessageInspection } from "./message-inspection.ts";

const plain =
  "From: x@sender.test\r\nTo: alice@a.test\r\nSubject: Cheap refi\r\nDate: now\r\n\r\nbuy p.i.l.l.s at http://shop.bad.test/x\r\n";
const html = [
  "From: x@sender.test",
  "To: alice@a.test",
  "Subject: s",
  "Date: now",
  "Content-Type: text/html",
  "",
  "<form action='http://x.test'><input name=password></form><script>x()</script>",
  "",
].join("\r\n");

let open: ContentServices[] = [];
afterEach(async () => {
  await Promise.all(open.map((each) => each.close()));
  open = [];
});

function inspect(text: string, more: Parameters<typeof contentServices>[0] = {}, budgetMs?: number) {
  const services = contentServices(more);
  open.push(services);
  const inspection = new MessageInspection(
    services,
    { bytes: Buffer.from(text), transactionId: "msg_1", recipients: ["alice@a.test", "bob@a.test"] },
    budgetMs,
  );
  return {
    inspection,
    services,
    ask: async (missing: MissingFacts, facts: Facts = contentFacts()) =>
      (await inspection.source(missing, facts)).content,
  };
}

describe("what is not asked", () => {
  test("needs of the peer are left to others, and facts without content stay as they are", () => {
    const { inspection } = inspect(plain);
    const facts = contentFacts();
    assert.equal(inspection.source(asking(["spf", "host"]), facts), facts);
    const { content: _content, ...without } = facts;
    assert.equal(inspection.source(asking(["scan"]), without), without);
  });

  test("scanners that are not configured, and a classifier that is not there, are no failures", async () => {
    const content = await inspect(plain).ask(asking(["scan", "classify"], { scanners: ["rspamd", "clamav"] }));
    assert.deepEqual(content?.scan, {});
    assert.deepEqual(content?.classifier, { verdict: "untrained", probability: 0.5, tokens: [] });
  });
});

describe("scan", () => {
  test("each scanner is asked once for all recipients, with the session's envelope", async () => {
    const envelopes: unknown[] = [];
    let clamavAsked = 0;
    const { ask } = inspect(plain, {
      rspamd: {
        async scan(_message, envelope) {
          envelopes.push(envelope);
          return {
            status: "scanned",
            score: 7,
            requiredScore: 15,
            action: "add header",
            symbols: [{ name: "A", score: 7 }],
          };
        },
      },
      clamav: {
        async scan() {
          clamavAsked += 1;
          return { status: "infected", signature: "Eicar" };
        },
      },
    });
    const both = await ask(asking(["scan"], { scanners: ["rspamd", "clamav"] }));
    assert.deepEqual(both?.scan, {
      rspamd: { status: "scanned", score: 7, action: "add header", symbols: ["A"] },
      clamav: { status: "infected", signature: "Eicar" },
    });
    const one = await ask(asking(["scan"], { scanners: ["clamav"] }));
    assert.deepEqual(one?.scan, { clamav: { status: "infected", signature: "Eicar" } });
    assert.deepEqual(envelopes, [
      {
        from: "x@sender.test",
        recipients: ["alice@a.test", "bob@a.test"],
        ip: "192.0.2.10",
        helo: "sender.test",
        queueId: "msg_1",
      },
    ]);
    assert.equal(clamavAsked, 1);
  });

  test("behind a trusted relay rspamd hears of the host beyond it", async () => {
    const ips: string[] = [];
    const { ask } = inspect(plain, {
      rspamd: {
        async scan(_message, { ip }) {
          ips.push(ip);
          return { status: "down", cause: "x" };
        },
      },
    });
    await ask(asking(["scan"], { scanners: ["rspamd"] }), contentFacts({ origin: { ip: "198.51.100.9" } }));
    assert.deepEqual(ips, ["198.51.100.9"]);
  });

  test("each recipient's rspamd hears of the host beyond that recipient's relays, and no more than once", async () => {
    const ips: string[] = [];
    const { ask } = inspect(plain, {
      rspamd: {
        async scan(_message, { ip }) {
          ips.push(ip);
          return { status: "down", cause: ip };
        },
      },
    });
    const rspamd = async (facts?: Facts) =>
      (await ask(asking(["scan"], { scanners: ["rspamd"] }), facts))?.scan?.rspamd;
    const behind = contentFacts({ origin: { ip: "198.51.100.9" } });
    assert.deepEqual(await rspamd(behind), { status: "down", cause: "198.51.100.9" });
    assert.deepEqual(await rspamd(), { status: "down", cause: "192.0.2.10" });
    await rspamd(behind);
    assert.deepEqual(ips, ["198.51.100.9", "192.0.2.10"]);
  });

  test("a scanner that never answers is down when the message's time is up", async () => {
    const never = new Promise<never>(() => {});
    const { ask } = inspect(plain, { clamav: { scan: () => never } }, 50);
    const content = await ask(asking(["scan"], { scanners: ["clamav"] }));
    assert.equal(content?.scan?.clamav?.status, "down");
  });
});

describe("findings", () => {
  test("only the checks that a recipient's settings name, and its own lists", async () => {
    const { ask } = inspect(html, { compiled: policyWith({ contentChecks: ["html"] }) });
    const names = (await ask(asking(["findings"])))?.findings?.map(({ check, name }) => `${check} ${name}`);
    assert.deepEqual(names, ["html html-form", "html html-script"]);
    const off = inspect(html);
    assert.deepEqual((await off.ask(asking(["findings"])))?.findings, []);
    const listed = inspect(plain, {
      compiled: policyWith({ phraseList: [{ phrase: "pills", points: 4 }], urlDenyList: ["bad.test"] }),
    });
    assert.deepEqual((await listed.ask(asking(["findings"])))?.findings, [
      { check: "phrases", name: "phrase", score: 4, detail: "body: pills" },
      { check: "urls", name: "url-domain", score: 3, detail: "shop.bad.test is listed as bad.test" },
    ]);
  });

  test("broken MIME is found, also in a message that a worker reads", async () => {
    const broken = `${plain.replace("Date: now", "no field")}${"x\r\n".repeat(5_000)}`;
    const { ask } = inspect(broken, { compiled: policyWith({ contentChecks: ["mime"] }) });
    const names = (await ask(asking(["findings"])))?.findings?.map(({ name }) => name);
    assert.deepEqual(names, ["mime-bad-header-line", "header-missing-date"]);
  });
});

describe("a message that could not be read", () => {
  const large = `${plain}${"x\r\n".repeat(5_000)}`;
  const compiled = policyWith({ contentChecks: ["mime"] });

  test("its own cost is worth points; a queue that was full or slow, and a fault of ours, are not", async () => {
    const answers = ["too-costly", "busy", "fault"] as const;
    const names: unknown[] = [];
    for (const answer of answers) {
      const { ask, services } = inspect(large, { compiled });
      Object.assign(services.reader, {
        read: async () => (answer === "fault" ? Promise.reject(new Error("ours")) : answer),
      });
      names.push((await ask(asking(["findings"])))?.findings?.map(({ name }) => name));
    }
    assert.deepEqual(names, [["mime-too-costly"], [], []]);
  });

  test("only who was being read is too costly; who waited for it found us busy", async () => {
    const bytes = Buffer.from(large);
    const none = createContentReader({ threads: 1, timeoutMs: 0 });
    const full = createContentReader({ threads: 1, timeoutMs: 20_000, queueMax: 0 });
    try {
      assert.equal(await none.read(bytes), "too-costly");
      const [first, second] = await Promise.all([full.read(bytes), full.read(bytes)]);
      assert.deepEqual([typeof first, second], ["object", "busy"]);
    } finally {
      await Promise.all([none.close(), full.close()]);
    }
  });
});

describe("classify", () => {
  test("each tenant's filter is asked once, with the message's tokens; its fault leaves it unsure", async () => {
    const asked: string[] = [];
    const { ask } = inspect(plain, {
      classifier: {
        classify(tenant, tokens) {
          asked.push(tenant);
          assert.ok(tokens.includes("s:cheap") && tokens.includes("u:bad.test"), tokens.join(" "));
          return { verdict: "spam", probability: 0.99, tokens: ["s:cheap"] };
        },
      },
    });
    assert.equal((await ask(asking(["classify"])))?.classifier?.verdict, "spam");
    assert.equal((await ask(asking(["classify"])))?.classifier?.verdict, "spam");
    assert.deepEqual(asked, [tenantId]);
    const broken = inspect(plain, {
      classifier: {
        classify() {
          throw new Error("disk");
        },
      },
    });
    assert.equal((await broken.ask(asking(["classify"])))?.classifier?.verdict, "unsure");
  });
});

describe("authentication", () => {
  test("the SPF result of MAIL time is used, a forged From fails DMARC, and the result is kept for the header", async () => {
    const { ask, inspection } = inspect(plain, {
      resolver: {
        mx: async () => ({ status: "none" }),
        ptr: async () => ({ status: "none" }),
        addresses: async () => ({ status: "none" }),
        txt: async (name) =>
          name === "_dmarc.sender.test" ? { status: "found", records: ["v=DMARC1; p=reject"] } : { status: "none" },
      },
    });
    const spf = { result: "fail", identity: "mailfrom", domain: "sender.test" } as const;
    const facts = contentFacts({ spf });
    assert.equal(inspection.known(facts), undefined);
    const fact = (await ask(asking(["authentication"]), facts))?.authentication;
    assert.deepEqual(fact, {
      spf,
      dkim: [],
      dmarc: { result: "fail", domain: "sender.test", policy: "reject" },
      arc: { result: "none", sealers: [] },
    });
    assert.equal((await inspection.known(facts))?.dmarc.result, "fail");
  });

  test("what comes too late is a temporary error", async () => {
    const never = new Promise<never>(() => {});
    const silent = { mx: () => never, ptr: () => never, addresses: () => never, txt: () => never };
    const { ask } = inspect(plain, { resolver: silent }, 50);
    const fact = (await ask(asking(["authentication"])))?.authentication;
    assert.deepEqual([fact?.spf.result, fact?.dmarc.result], ["temperror", "temperror"]);
  });
});
