import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createMimePool, messageTextLimits, readMessageText } from "./index.ts";

const lines = (...text: readonly string[]) => Buffer.from(text.join("\r\n"), "latin1");

const mixed = lines(
  "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=",
  "X-Folded: a",
  "\tb",
  "Content-Type: multipart/mixed; boundary=x",
  "",
  "--x",
  "Content-Type: text/plain; charset=iso-8859-1",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "gr=FC=DFe",
  "--x",
  "Content-Type: application/pdf; name=plain.pdf",
  "Content-Disposition: attachment; filename*=utf-8''%C3%BCber%20uns.pdf",
  "",
  "%PDF",
  "--x",
  "Content-Type: text/html",
  "Content-Disposition: attachment; filename=page.html",
  "",
  "<b>kept away</b>",
  "--x",
  "Content-Type: message/rfc822",
  "",
  "Content-Type: text/html",
  "",
  "<b>inner</b>",
  "--x--",
  "",
);

describe("readMessageText", () => {
  test("headers, texts and attachments are decoded, in order", () => {
    const { headers, texts, attachments, truncated } = readMessageText(mixed);
    assert.deepEqual(headers.slice(0, 2), [
      { name: "subject", value: "grüße" },
      { name: "x-folded", value: "a\tb" },
    ]);
    assert.deepEqual(texts, [
      { type: "plain", text: "grüße" },
      { type: "html", text: "<b>inner</b>" },
    ]);
    assert.deepEqual(attachments, [
      { name: "über uns.pdf", contentType: "application/pdf", sizeBytes: 4 },
      { name: "page.html", contentType: "text/html", sizeBytes: 16 },
    ]);
    assert.equal(truncated, false);
  });

  test("what is too long or too many is cut, and said so", () => {
    const long = readMessageText(lines("Subject: x", "", "a".repeat(2_000_000)));
    assert.equal(long.texts[0]?.text.length, messageTextLimits.textCharactersMax);
    assert.equal(long.truncated, true);
    const many = readMessageText(
      lines(
        "Content-Type: multipart/mixed; boundary=x",
        "",
        ..."x"
          .repeat(50)
          .split("")
          .map(() => "--x\r\n\r\ntext"),
        "--x--",
      ),
    );
    assert.equal(many.texts.length, messageTextLimits.textsMax);
    assert.equal(many.truncated, true);
  });

  test("no octets make it throw", () => {
    const pieces = fc.constantFrom(
      "Content-Type: multipart/mixed; boundary=x\r\n",
      "\r\n",
      "--x\r\n",
      "--x--",
      "Content-Disposition: attachment; filename*=a'b'%",
      "=?x?Q?=",
      "\0",
      "\xff",
      "Content-Transfer-Encoding: base64\r\n",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const { texts, attachments } = readMessageText(Buffer.from(parts.join(""), "latin1"));
        assert.ok(texts.length <= messageTextLimits.textsMax && attachments.length <= messageTextLimits.attachmentsMax);
      }),
      { numRuns: 300 },
    );
  });

  test("a worker of the pool reads the same as this thread", async () => {
    const pool = createMimePool({ threads: 1, timeoutMs: 10_000 });
    try {
      const large = Buffer.concat([mixed, Buffer.alloc(60_000, "x")]);
      assert.deepEqual(await pool.text(large), readMessageText(large));
      assert.deepEqual(await pool.text(mixed), readMessageText(mixed));
    } finally {
      await pool.close();
    }
  });
});
