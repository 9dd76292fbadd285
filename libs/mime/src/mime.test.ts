import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { assertSound } from "./assert-sound.ts";
import {
  createMimePool,
  decodeHeaderText,
  headerEnd,
  indexMessage,
  MimeBudgetExceeded,
  type MimePart,
  matchMessage,
  parseAddressList,
  parseParameterField,
  readMimeIndex,
  withPrefix,
  writeMimeIndex,
} from "./index.ts";

const lines = (...text: readonly string[]) => Buffer.from(text.join("\r\n"), "latin1");

const nested = lines(
  "From: A <a@b>",
  "Content-Type: multipart/mixed; boundary=x",
  "",
  "preamble",
  "--x",
  "",
  "hello",
  "--x ",
  "Content-Type: message/rfc822",
  "",
  "Subject: in",
  'Content-Type: multipart/alternative; boundary="y"',
  "",
  "--y",
  "Content-Type: text/html; charset=utf-8",
  "Content-Transfer-Encoding: BASE64",
  "",
  "PGI+R3LDvMOfZTwvYj4=",
  "",
  "--y--",
  "--x--",
  "epilogue",
  "",
);

/** Body octets of a part. */
const bodyOf = (message: Buffer, part: MimePart | undefined) =>
  message.toString("latin1", part?.bodyStart ?? 0, part?.bodyEnd ?? 0);

describe("indexMessage", () => {
  test("offsets, lines and envelopes of nested parts", () => {
    const { root, truncated } = indexMessage(nested);
    assert.equal(truncated, false);
    assert.equal(bodyOf(nested, root.parts?.[0]), "hello");
    const inner = root.parts?.[1]?.message;
    assert.equal(inner?.envelope?.subject, "in");
    assert.equal(bodyOf(nested, inner?.parts?.[0]), "PGI+R3LDvMOfZTwvYj4=\r\n");
    assert.equal(inner?.parts?.[0]?.lines, 1);
    assert.equal(inner?.parts?.[0]?.encoding, "base64");
    assert.deepEqual(root.envelope?.from, [["A", null, "a", "b"]]);
    assert.deepEqual(root.envelope?.replyTo, root.envelope?.from);
    assert.equal(bodyOf(nested, root).endsWith("epilogue\r\n"), true);
  });
  test("header without body, body without header, nothing at all", () => {
    assert.deepEqual(indexMessage(lines("Subject: x")).root.envelope, { subject: "x" });
    assert.equal(bodyOf(lines("", "text"), indexMessage(lines("", "text")).root), "text");
    assert.equal(indexMessage(Buffer.alloc(0)).root.bodyEnd, 0);
  });
  test("fields that are there and empty are the empty string, not absent (RFC 3501 section 7.4.2)", () => {
    const { envelope } = indexMessage(lines("Subject:", "Date: ", "In-Reply-To:", "From:", "", "")).root;
    assert.deepEqual(envelope, { subject: "", date: "", inReplyTo: "" });
  });
  test("a cut-off multipart, a header cut short by a delimiter, a missing boundary", () => {
    const cut = lines("Content-Type: multipart/mixed; boundary=x", "", "--x", "X: 1", "--x", "", "two");
    const parts = indexMessage(cut).root.parts ?? [];
    assert.deepEqual(
      parts.map((part) => bodyOf(cut, part)),
      ["", "two"],
    );
    assert.equal(indexMessage(lines("Content-Type: multipart/mixed", "", "x")).root.parts, undefined);
  });
  test("an inner multipart that repeats the outer boundary ends before the outer one", () => {
    const message = lines(
      "Content-Type: multipart/mixed; boundary=x",
      "",
      "--x",
      "Content-Type: multipart/mixed; boundary=x",
      "",
      "--x",
      "",
      "in",
      "--x--",
      "--x",
      "",
      "out",
      "--x--",
      "",
    );
    const parts = indexMessage(message).root.parts ?? [];
    assert.equal(bodyOf(message, parts[0]?.parts?.[0]), "in");
    assert.equal(bodyOf(message, parts[1]), "out");
  });
  test("multipart/digest parts are messages", () => {
    const message = lines(
      "Content-Type: multipart/digest; boundary=x",
      "",
      "--x",
      "",
      "Subject: d",
      "",
      "b",
      "--x--",
      "",
    );
    assert.equal(indexMessage(message).root.parts?.[0]?.message?.envelope?.subject, "d");
  });
  test("prefix composes to what indexing the whole would give", () => {
    const prefix = "Return-Path: <>\r\nReceived: by x;\r\n y\r\n";
    const whole = indexMessage(Buffer.concat([Buffer.from(prefix), nested]));
    assert.deepEqual(withPrefix(indexMessage(nested), prefix), whole);
  });
  test("JSON and back; another version is computed again", () => {
    const index = indexMessage(nested);
    assert.deepEqual(readMimeIndex(writeMimeIndex(index)), index);
    assert.equal(readMimeIndex('{"version":0}'), undefined);
  });
  test("any octets make a sound index", () => {
    const piece = fc.constantFrom(
      "\r\n",
      "\n",
      "--x",
      "--x--",
      "--y",
      "a",
      ": ",
      "\r\n\r\n",
      "--",
      " ",
      "Content-Type: multipart/mixed; boundary=x\r\n",
      'Content-Type: multipart/mixed; boundary="y"\r\n',
      "Content-Type: message/rfc822\r\n",
      "Subject: s\r\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) =>
        assertSound(indexMessage(Buffer.from(pieces.join("")))),
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("fields", () => {
  test("parameters: quotes, comments, continuations", () => {
    assert.deepEqual(
      parseParameterField(
        'Text/Plain; charset="u\\"t" (c); name*1=b; name*0=a; x=My File.txt; f*0*=utf-8\'\'%c3; f*1=z',
      ),
      {
        value: "text/plain",
        parameters: [
          ["charset", 'u"t'],
          ["name", "ab"],
          ["x", "My File.txt"],
          ["f*", "utf-8''%c3z"],
        ],
      },
    );
  });
  test("addresses: names, comments, groups, routes, nonsense", () => {
    const table: [string, unknown][] = [
      ["a@b", [[null, null, "a", "b"]]],
      [
        '"B, C" <b@c>, d@e (Dee)',
        [
          ["B, C", null, "b", "c"],
          ["Dee", null, "d", "e"],
        ],
      ],
      ["=?utf-8?q?a=40b?= <c@d>", [["=?utf-8?q?a=40b?=", null, "c", "d"]]],
      [
        "G: a@b, c@d;",
        [
          [null, null, "G", null],
          [null, null, "a", "b"],
          [null, null, "c", "d"],
          [null, null, null, null],
        ],
      ],
      [
        "Undisclosed:;",
        [
          [null, null, "Undisclosed", null],
          [null, null, null, null],
        ],
      ],
      ["<@r1,@r2:u@h>", [[null, "@r1,@r2", "u", "h"]]],
      ["root", [[null, null, "root", ""]]],
      ["a@b <c@d>", [["a@b", null, "c", "d"]]],
      [" , ,", []],
      ["<>", []],
      [
        "u@[IPv6:2001:db8::1], <v@[192.0.2.1]>",
        [
          [null, null, "u", "[IPv6:2001:db8::1]"],
          [null, null, "v", "[192.0.2.1]"],
        ],
      ],
      ["[x] a[b <c@d>", [["[x] a[b", null, "c", "d"]]],
    ];
    for (const [text, expected] of table) assert.deepEqual(parseAddressList(text), expected, text);
  });
  test("any text parses", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab@<>,;:\"\\() .*=;'") }), (text) => {
        parseAddressList(text);
        parseParameterField(text);
      }),
    );
  });
  test("the header's end, for either line end", () => {
    assert.equal(headerEnd(Buffer.from("A: b\r\n\r\nx")), 8);
    assert.equal(headerEnd(Buffer.from("A: b\n\nx")), 6);
    assert.equal(headerEnd(Buffer.from("A: b\r\n")), undefined);
  });
  test("encoded words for comparing", () => {
    assert.equal(decodeHeaderText("=?iso-8859-1?Q?gr=FC=DFe?= x"), "grüße x");
    assert.equal(decodeHeaderText(Buffer.from("grüße").toString("latin1")), "grüße");
  });
});

test("content terms: headers, decoded bodies, sent dates", () => {
  const message = Buffer.concat([
    lines("Date: Tue, 24 Nov 2026 23:30:00 -0500", "Subject: =?utf-8?Q?h=C3=89?=", ""),
    nested,
  ]);
  const day = Date.UTC(2026, 10, 24) / 86_400_000;
  const answers = matchMessage(message, [
    { type: "header", name: "subject", text: "Hé" },
    { type: "header", name: "x-none", text: "" },
    { type: "body", text: "GRÜSSE" },
    { type: "body", text: "grüße" },
    { type: "text", text: "subject: in" },
    { type: "sent", comparison: "on", day },
    { type: "sent", comparison: "before", day },
    { type: "sent", comparison: "since", day: day + 1 },
  ]);
  assert.deepEqual(answers, [true, false, false, true, true, true, false, false]);
});

test("the pool answers from workers, and kills what exceeds its budget", async () => {
  const pool = createMimePool({ threads: 1, timeoutMs: 10_000 });
  const hasty = createMimePool({ threads: 1, timeoutMs: 1 });
  try {
    const large = Buffer.concat([nested, Buffer.alloc(100_000, "x\r\n")]);
    assert.deepEqual(await pool.index(large), indexMessage(large));
    assert.deepEqual(
      await pool.match([nested, lines("Subject: z", "")], [{ type: "header", name: "subject", text: "z" }]),
      [[false], [true]],
    );
    await assert.rejects(hasty.index(large), MimeBudgetExceeded);
  } finally {
    await pool.close();
    await hasty.close();
  }
});
