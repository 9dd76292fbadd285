import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ListPattern } from "../mailbox/list-pattern.ts";
import { BadSyntax, CommandParser } from "./command-parser.ts";
import { CommandReader, type ReadEvent, type ReadLimits } from "./command-reader.ts";
import { imapDateTime, imapString, parseImapDate, parseImapDateTime } from "./format.ts";
import { decodeMailboxName, encodeMailboxName } from "./modified-utf7.ts";
import { resolveRanges, sequenceSetOf } from "./sequence-set.ts";

const limits: ReadLimits = {
  lineBytesMax: 100,
  literalsMax: 3,
  literalBytesMax: () => 50,
  reserve: () => true,
};

/** All events of a byte stream cut at the given places, `more` left out. */
function eventsOf(bytes: Buffer, cuts: readonly number[] = []): ReadEvent[] {
  const reader = new CommandReader();
  const events: ReadEvent[] = [];
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    reader.push(bytes.subarray(from, to));
    from = to;
    for (let event = reader.next(limits); event.type !== "more"; event = reader.next(limits)) {
      events.push(event);
      if (event.type === "lost") return events;
      // A real client sends a synchronising literal only after this; the stream holds it already.
    }
  }
  return events;
}
const shown = (events: readonly ReadEvent[]) =>
  JSON.stringify(events, (_key, value) =>
    value?.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value,
  );

describe("CommandReader", () => {
  test("lines and literals", () => {
    const events = eventsOf(Buffer.from('a LOGIN {3}\r\nx\r\n {2+}\r\ny{ "{3}"\r\nb NOOP\r\n'));
    assert.deepEqual(
      events.map(({ type }) => type),
      ["continue", "command", "command"],
    );
    const [, login] = events;
    const segments = login?.type === "command" ? login.segments.map(({ type, bytes }) => [type, bytes.toString()]) : [];
    assert.deepEqual(segments, [
      ["text", "a LOGIN "],
      ["literal", "x\r\n"],
      ["text", " "],
      ["literal", "y{"],
      ["text", ' "{3}"'],
    ]);
  });
  test("any split of the stream gives the same commands", () => {
    const piece = fc.constantFrom(
      "a ",
      "NOOP",
      "\r\n",
      "\n",
      "\r",
      "{3}\r\nabc",
      '{3+}\r\n\r\n"',
      "{0+}\r\n",
      '"{4+}',
      '"',
      "{60+}\r\n",
      "{60}\r\n",
      "{9999999999+}\r\n",
      "x".repeat(40),
      "\\",
      "é",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.array(fc.nat(500), { maxLength: 40 }), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(""), "latin1");
        assert.equal(shown(eventsOf(bytes, cuts)), shown(eventsOf(bytes)));
      }),
      { numRuns: 2_000 },
    );
  });
  test("refusals stay in step, or the session is lost", () => {
    const table: [string, string[]][] = [
      ["a {60}\r\nb NOOP\r\n", ["refused literal-too-big", "command"]],
      [`a {60+}\r\n${"x".repeat(60)} tail\r\nb NOOP\r\n`, ["refused literal-too-big", "command"]],
      ["a {99999999999999999999+}\r\nb NOOP\r\n", ["lost"]],
      ["a {99999999999999999999}\r\nb NOOP\r\n", ["refused literal-too-big", "command"]],
      ["a {1e9}\r\nb NOOP\r\n", ["command", "command"]],
      [`${"y".repeat(5_000)}\r\nb NOOP\r\n`, ["refused line-too-long", "command"]],
      [`${"y".repeat(5_000)}{3+}\r\nabc\r\nb NOOP\r\n`, ["refused line-too-long", "command"]],
      [`${"y".repeat(2_000_000)}`, ["lost"]],
      ["a {0+}\r\n{0+}\r\n{0+}\r\n{0+}\r\n\r\nb NOOP\r\n", ["refused too-many-literals", "command"]],
      ["a NOOP\nb NOOP\r\n", ["refused bare-lf", "command"]],
      ["a {3+}\nabc\r\n", ["lost"]],
    ];
    for (const [text, expected] of table) {
      const got = eventsOf(Buffer.from(text)).map((event) =>
        event.type === "refused" ? `refused ${event.cause}` : event.type,
      );
      assert.deepEqual(got, expected, text.slice(0, 60));
    }
  });
  test("octet by octet, a large literal is linear", () => {
    const reader = new CommandReader();
    const started = performance.now();
    const wide = { ...limits, literalBytesMax: () => 1e9 };
    reader.push(Buffer.from("a APPEND {300000+}\r\n"));
    for (let i = 0; i < 300_000; i++) {
      reader.next(wide);
      reader.push(Buffer.from("x"));
    }
    reader.next(wide);
    reader.push(Buffer.from("\r\n"));
    const event = reader.next(wide);
    assert.equal(event.type === "command" && event.segments[1]?.bytes.length, 300_000);
    assert.ok(performance.now() - started < 5_000);
  });
  test("discard forgets half a command too", () => {
    const reader = new CommandReader();
    reader.push(Buffer.from("a LOGIN {5+}\r\nab"));
    reader.next(limits);
    reader.discard();
    reader.push(Buffer.from("b NOOP\r\n"));
    assert.equal(reader.next(limits).type, "command");
  });
});

describe("CommandParser", () => {
  const parser = (text: string) => new CommandParser([{ type: "text", bytes: Buffer.from(text, "latin1") }]);
  test("strict where the grammar is", () => {
    assert.equal(parser('"a\\"\\\\b"').string().toString(), 'a"\\b');
    for (const [text, read] of [
      ['"abc', "string"],
      ['"a\\b"', "string"],
      ["", "atom"],
      ["(", "astring"],
      ["{", "astring"],
      ["+a", "tag"],
      ["99999999999", "number"],
      ["0:3", "sequenceSet"],
      ["1:2:3", "sequenceSet"],
      ["4294967296", "sequenceSet"],
      ["1,", "sequenceSet"],
      ["&AGE-", "mailbox"],
      ["é", "mailbox"],
    ] as const) {
      assert.throws(() => parser(text)[read](), BadSyntax, `${read} ${text}`);
    }
    assert.throws(() => parser("(a  b)").list(() => ""), BadSyntax);
  });
  test("any octets end in a value or BadSyntax", () => {
    const reads = [
      "tag",
      "atom",
      "astring",
      "listMailbox",
      "string",
      "literal",
      "number",
      "sequenceSet",
      "mailbox",
      "flag",
      "name",
    ] as const;
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ab1*,:"\\(){}%]& +é\u0000') }),
        fc.constantFrom(...reads),
        (text, read) => {
          try {
            parser(text)[read]();
          } catch (error) {
            assert.ok(error instanceof BadSyntax);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("formats", () => {
  test("modified UTF-7 round trip; other spellings are refused", () => {
    assert.equal(encodeMailboxName("Entwürfe & 日本"), "Entw&APw-rfe &- &ZeVnLA-");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (name) => {
        const nfc = name.normalize("NFC");
        assert.equal(decodeMailboxName(Buffer.from(encodeMailboxName(nfc), "latin1")), nfc);
      }),
    );
    // NFD and NFC twins are one name.
    assert.equal(decodeMailboxName(Buffer.from(encodeMailboxName("e\u0301"))), "é");
    for (const bad of ["&", "&AGE-", "&APw", "&APw=-", "&2AA-", "&!!-", "\u0001", "&APz-"]) {
      assert.equal(decodeMailboxName(Buffer.from(bad, "latin1")), undefined, bad);
    }
  });
  test("strings are quoted or literals, and hold no line end that ends the reply", () => {
    assert.equal(imapString('a"b\\'), '"a\\"b\\\\"');
    assert.equal(imapString("a\r\nb"), "{4}\r\na\r\nb");
    assert.equal(imapString("\xff\0"), "{1}\r\n\xff");
  });
  test("dates", () => {
    const at = Date.UTC(2026, 10, 7, 9, 5, 6);
    assert.equal(imapDateTime(at), '" 7-Nov-2026 09:05:06 +0000"');
    assert.equal(parseImapDateTime(" 7-nov-2026 10:35:06 +0130"), at);
    assert.equal(parseImapDate("7-Nov-2026"), Math.floor(at / 86_400_000));
    for (const bad of ["7-Nov-26", "32-Nov-2026", "1-Foo-2026", ""]) assert.equal(parseImapDate(bad), undefined);
    assert.equal(parseImapDateTime("07-Nov-2026 24:00:00 +0000"), undefined);
  });
  test("sequence sets", () => {
    const set = sequenceSetOf("5:3,1,4:*,*");
    assert.deepEqual(set && resolveRanges(set, 9), [
      [1, 1],
      [3, 9],
    ]);
    assert.deepEqual(resolveRanges({ ranges: [["*", 7]] }, 3), [[3, 7]]);
  });
  test("LIST patterns", () => {
    const table: [string, string, boolean][] = [
      ["a/b", "*", true],
      ["a/b", "%", false],
      ["a", "%", true],
      ["a/b", "%/%", true],
      ["a/b/c", "a/%", false],
      ["a/b/c", "a*c", true],
      ["INBOX", "inbox", true],
      ["INBOX/x", "inbox/%", true],
      ["INBOX", "Inb*", true],
      ["INBOX", "inbo%", true],
      ["INBOXES", "inbox*", false],
      ["abc", "a%c", true],
      ["abc", "a%d", false],
      ["", "*", true],
    ];
    for (const [name, pattern, expected] of table)
      assert.equal(new ListPattern(pattern).matches(name), expected, `${name} ${pattern}`);
    assert.deepEqual(new ListPattern("%/%").superiorsOf("a/b/c/d"), ["a/b"]);
    assert.deepEqual(new ListPattern("*").superiorsOf("a/b/c"), ["a", "a/b"]);
    // 1,500 names at this cost are what one LIST may ask for.
    const started = performance.now();
    const hostile = new ListPattern(`${"%a".repeat(250)}b`);
    for (let n = 0; n < 20; n++) hostile.superiorsOf("a/aaaaaaa".repeat(56));
    assert.ok((performance.now() - started) / 20 < 20, `${(performance.now() - started) / 20} ms`);
  });
  test("LIST patterns match what a regular expression would", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "%"), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (name, pattern) => {
        const source = [...pattern].map((char) => ({ "*": ".*", "%": "[^/]*" })[char] ?? char).join("");
        assert.equal(new ListPattern(pattern).matches(name), new RegExp(`^(?:${source})$`).test(name));
      }),
      { numRuns: 3_000 },
    );
  });
});
