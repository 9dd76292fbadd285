import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import addressparser from "nodemailer/lib/addressparser";
import { BodyCollector, ByteBudget } from "./body-collector.ts";
import { classifyAddress } from "./envelope-address.ts";
import { parseEnvelopeArgument } from "./envelope-syntax.ts";
import { readHeaderFacts } from "./header-facts.ts";
import { MessageReader } from "./message-reader.ts";
import { receivedField } from "./trace-headers.ts";
import { type LineFault, WireParser } from "./wire-parser.ts";

function readMessage(octets: Buffer, cuts: readonly number[]) {
  const pieces: Buffer[] = [];
  const reader = new MessageReader({ push: (piece) => pieces.push(Buffer.from(piece)) });
  let from = 0;
  for (const cut of [...cuts, octets.length].sort((a, b) => a - b)) {
    const chunk = octets.subarray(from, cut);
    const end = reader.feed(chunk, 0);
    if (end >= 0)
      return { content: Buffer.concat(pieces).toString("latin1"), bare: reader.bareLineEnd, end: from + end };
    from = cut;
  }
  return { content: Buffer.concat(pieces).toString("latin1"), bare: reader.bareLineEnd, end: -1 };
}

/** RFC 5321 4.5.2, the plain way: what a client does, and what must come out. */
const stuff = (content: string): string => `${content.replace(/(^|\r\n)\./g, "$1..")}.\r\n`;
const lineNoise = fc.string({ unit: fc.constantFrom("\r", "\n", "\r\n", ".", "a", "\0"), maxLength: 40 });

describe("MessageReader", () => {
  test("gives back what was stuffed, whatever the cuts", () => {
    const content = fc
      .string({ unit: fc.constantFrom("\r\n", ".", "x", ".."), maxLength: 40 })
      .map((text) => `${text}\r\n`);
    fc.assert(
      fc.property(content, fc.array(fc.nat(90), { maxLength: 8 }), (text, cuts) => {
        const octets = Buffer.from(stuff(text), "latin1");
        const read = readMessage(
          octets,
          cuts.filter((cut) => cut <= octets.length),
        );
        assert.deepEqual(read, { content: text, bare: false, end: octets.length });
      }),
    );
  });
  test("the end and the content do not depend on the cuts; the end is the first CRLF.CRLF", () => {
    fc.assert(
      fc.property(lineNoise, fc.array(fc.nat(60), { maxLength: 10 }), (noise, cuts) => {
        const octets = Buffer.from(noise, "latin1");
        const whole = readMessage(octets, []);
        assert.deepEqual(
          readMessage(
            octets,
            cuts.filter((cut) => cut <= octets.length),
          ),
          whole,
        );
        const end = `\r\n${noise}`.indexOf("\r\n.\r\n");
        assert.equal(whole.end, end < 0 ? -1 : end + 3);
        if (whole.end >= 0) assert.equal(whole.bare, /\r(?!\n)|(?<!\r)\n/.test(noise.slice(0, whole.end)));
      }),
    );
  });
});

describe("WireParser", () => {
  const parse = async (octets: Buffer, sizes: readonly number[]): Promise<string[]> => {
    const seen: string[] = [];
    const parser = new WireParser({
      line(text: string, fault: LineFault | undefined, next: () => void) {
        seen.push(fault ?? text);
        if (fault === "endless") parser.isClosed = true;
        if (seen.length % 3 === 0) setImmediate(next);
        else next();
      },
      lineLimitOctets: () => 300,
      messageEnded: () => {},
      batchStarts: () => {},
      batchEnds: () => {},
    });
    let from = 0;
    for (let n = 0; from < octets.length; n += 1) {
      const size = sizes[n % sizes.length] ?? 1;
      const chunk = octets.subarray(from, from + size);
      await new Promise((resolve) => parser.write(chunk, resolve));
      from += size;
    }
    return seen;
  };
  test("lines and faults do not depend on the cuts", async () => {
    const unit = fc.constantFrom("NOOP\r\n", "a", "\n", "\r", "é", "\x01", "x".repeat(299), "\r\n");
    await fc.assert(
      fc.asyncProperty(
        fc.array(unit, { maxLength: 12 }).map((parts) => parts.join("")),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
        async (text, sizes) => {
          const octets = Buffer.from(text, "utf8");
          assert.deepEqual(await parse(octets, sizes), await parse(octets, [octets.length]));
        },
      ),
      { numRuns: 60 },
    );
  });
  test("ten thousand pipelined commands do not grow the stack", async () => {
    const seen = await parse(Buffer.from("NOOP\r\n".repeat(10_000)), [60_000]);
    assert.equal(seen.length, 10_000);
  });
});

describe("BodyCollector", () => {
  test("hashes alike however it is cut, bounds itself, gives its memory back once", () => {
    const budget = new ByteBudget(300_000);
    const bytes = Buffer.alloc(200_000, "mail");
    const hashes = [200_000, 1_000, 70_000].map((size) => {
      const collector = new BodyCollector(250_000, budget);
      for (let at = 0; at < bytes.length; at += size) collector.push(bytes.subarray(at, at + size));
      const { sha256 } = collector.finish();
      assert.equal(budget.usedBytes, 200_000);
      collector.release();
      collector.release();
      assert.equal(budget.usedBytes, 0);
      return sha256;
    });
    assert.equal(new Set(hashes).size, 1);
    const limited = new BodyCollector(100, budget);
    limited.push(Buffer.alloc(60));
    limited.push(Buffer.alloc(60));
    limited.push(Buffer.alloc(60));
    assert.deepEqual([limited.overLimit, limited.sizeBytes, budget.usedBytes], [true, 180, 0]);
  });
});

describe("envelope", () => {
  test("paths and parameters", () => {
    const read = (text: string) => {
      const parsed = parseEnvelopeArgument("FROM", text);
      return typeof parsed === "string" ? parsed : [parsed.path, Object.fromEntries(parsed.parameters)];
    };
    assert.deepEqual(read("FROM:<>"), ["", {}]);
    assert.deepEqual(read("from: <a@b> SIZE=5 SMTPUTF8 "), ["a@b", { SIZE: "5", SMTPUTF8: "" }]);
    assert.deepEqual(read('FROM:<"a>b \\" c"@d> BODY=8BITMIME'), ['"a>b \\" c"@d', { BODY: "8BITMIME" }]);
    for (const bad of [
      "",
      "FROM",
      "FROM <a@b>",
      "FROM:a@b",
      "FROM:<a@b",
      "FROM:<a<b>",
      "FROM:<a@b>x",
      "FROM:  <a@b>",
    ]) {
      assert.equal(read(bad), "no-path", bad);
    }
    for (const bad of ["FROM:<a@b> =", "FROM:<a@b> A=", "FROM:<a@b> A A", "FROM:<a@b> A=1=2", "FROM:<a@b> -A"]) {
      assert.equal(read(bad), "bad-parameter", bad);
    }
  });
  test("canonical form, and what is no address", () => {
    assert.deepEqual(classifyAddress("Bob.X@Example.TEST"), { address: "bob.x@example.test", form: "plain" });
    assert.deepEqual(classifyAddress("u@münchen.test"), { address: "u@xn--mnchen-3ya.test", form: "plain" });
    assert.deepEqual(classifyAddress("u@ours。test"), { address: "u@ours.test", form: "plain" });
    assert.notEqual(classifyAddress("\u212a@a.test").address, "k@a.test");
    // A list entry for evil@bad.test must meet every spelling of it.
    assert.deepEqual(classifyAddress('"Evil"@Bad.TEST'), { address: "evil@bad.test", form: "quoted-local" });
    assert.deepEqual(classifyAddress('"e vil"@bad.test'), { address: '"e vil"@bad.test', form: "quoted-local" });
    assert.deepEqual(classifyAddress("a%b@MÜNCHEN.test"), { address: "a%b@xn--mnchen-3ya.test", form: "percent-hack" });
    assert.deepEqual(classifyAddress("b!a@Bad.test"), { address: "b!a@bad.test", form: "bang-path" });
    for (const bad of [
      '"evil"@bad.test.',
      "a%b@bad.test.",
      '"x"@[1.2',
      '"a@b.test',
      "a",
      "@",
      "a@",
      ".a@b.test",
      "a..b@b.test",
      "a b@b.test",
      "a@-b.test",
      "a@b..test",
      `${"a".repeat(65)}@b.test`,
      "a@[1.2]",
      "a@b.1",
    ]) {
      assert.match(classifyAddress(bad).form, /^(malformed|source-route)$/, bad);
    }
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const once = classifyAddress(text);
        if (once.form === "plain") assert.deepEqual(classifyAddress(once.address), once);
      }),
    );
  });
});

describe("header facts", () => {
  const read = (text: string) => readHeaderFacts(Buffer.from(text));
  test("unfolds, counts, and stops at the body", () => {
    const facts = read(
      'Received: a\r\n b\r\nreceived : c\r\nFrom: "Al, B" <Al@A.test>,\r\n\tx@y.test\r\nReply-To: list: p@q.test, r@s.test;\r\nDelivered-To: <Bob@A.test>\r\nSubject: one\r\n two\r\nMessage-ID: <1@x>\r\nDate: now\r\n\r\nFrom: body@b.test\r\n',
    );
    assert.deepEqual(facts, {
      from: ["al@a.test", "x@y.test"],
      replyTo: ["p@q.test", "r@s.test"],
      fromCount: 1,
      received: 2,
      receivedFields: ["a b", "c"],
      deliveredTo: ["bob@a.test"],
      messageId: "<1@x>",
      subject: "one two",
      hasDate: true,
      broken: false,
    });
  });
  test("a plain mailbox is read as the address parser reads it", () => {
    const word = fc.string({
      unit: fc.constantFrom("a", "B", "0", ".", "-", "_", "+", "@", " ", "<", ">", ",", ";"),
      maxLength: 8,
    });
    const local = fc.string({ unit: fc.constantFrom("a", "Z", "1", ".", "-", "+"), minLength: 1, maxLength: 6 });
    const address = fc.tuple(local, local).map(([name, domain]) => `${name}@${domain}.Test`);
    const value = fc.oneof(
      address,
      fc.tuple(word, address).map(([name, at]) => `${name} <${at}>`),
      fc.tuple(word, address, word).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(value, (text) => {
        const parsed = addressparser(text.trim(), { flatten: true })
          .map((entry) => entry.address)
          .filter((found) => found.length > 0);
        const expected = parsed.map((found) => classifyAddress(found.trim().replace(/^<|>$/g, "")).address);
        assert.deepEqual(read(`From: ${text}\r\n\r\n`).from, expected);
      }),
      { numRuns: 500 },
    );
  });
  test("odd and hostile headers", () => {
    assert.equal(read("\r\nFrom: a@b.test\r\n").fromCount, 0);
    assert.equal(read("just text\r\n").broken, false);
    assert.equal(read("From x Mon\r\nFrom: a@b.test\r\nFrom: c@d.test\r\n\r\n").fromCount, 2);
    assert.equal(read("Subject: a\0b\r\n\r\n").broken, true);
    assert.equal(read("X: y\r\n".repeat(60_000)).broken, true);
    const startedAt = performance.now();
    read(`From: ${"(".repeat(200_000)}\r\n\r\n`);
    read(`From: ${"a@b.test,".repeat(20_000)}\r\n\r\n`);
    assert.ok(performance.now() - startedAt < 500);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readHeaderFacts(Buffer.from(bytes)) !== undefined),
    );
  });
});

test("Received names the hop and cannot be forged by HELO", () => {
  const source = {
    hostname: "mx.test",
    ip: "192.0.2.1",
    helo: "evil (x)\r\nX: y",
    isEsmtp: true,
    isAuthenticated: false,
    smtpUtf8: true,
    confirmedName: "host.test",
    tls: { protocol: "TLSv1.3", cipher: "TLS_X" },
    transactionId: "msg_1",
    receivedAt: 0,
  };
  assert.equal(
    receivedField(source, undefined),
    "Received: from evil??x???X:?y (host.test [192.0.2.1])\r\n\t(using TLSv1.3 with cipher TLS_X)\r\n\tby mx.test (Mailfold) with UTF8SMTPS id msg_1;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n",
  );
});
