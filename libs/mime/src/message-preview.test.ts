import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { htmlToText } from "./html-text.ts";
import { createMimePool, messagePreviewLimits } from "./index.ts";
import { readMessagePreview } from "./message-preview.ts";

const lines = (...text: readonly string[]) => Buffer.from(text.join("\r\n"), "utf8");

describe("htmlToText", () => {
  test("words stay, with their line ends; markup, scripts, styles, comments and addresses go", () => {
    const html = `<html><head><title>no</title><style>p { color: red }</style></head><body onload="x()">
      <h1>Dear&nbsp;friend</h1><p>5 &lt; 6 &amp; 7 &#8364;&#x41;</p><!-- secret > -->
      <img src="https://track.example/x.gif" alt='a > b'><script>alert("<b>x</b>")</script>
      <a href="https://evil.example/">click<br>here</a></body></html>`;
    const text = htmlToText(html, 1_000);
    assert.equal(text, "Dear friend\n\n5 < 6 & 7 €A\n\nclick\nhere");
  });

  test("broken HTML loses its own rest at most", () => {
    assert.equal(htmlToText("a < b <b>c</b", 100), "a b c");
    assert.equal(htmlToText("seen<script>never closed", 100), "seen");
    assert.equal(htmlToText("seen<!-- never closed", 100), "seen");
    assert.equal(htmlToText('seen<a href="never closed>then', 100), "seenthen");
    assert.equal(htmlToText("&bogus; &#0; &#xd800;", 100), "&bogus;");
  });

  test("answers no more than asked for, never a tag, in time, for any input", () => {
    const piece = fc.constantFrom("<", ">", "<b>", "</b>", '"', "'", "<script", "</script>", "<!--", "-->", "&", "x ");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), fc.nat(300), (pieces, max) => {
        const text = htmlToText(pieces.join(""), max);
        assert.ok(text.length <= max);
        assert.doesNotMatch(text, /<script|<b>/);
      }),
      { numRuns: 300 },
    );
    for (const piece of ['<"', "<a'", "<script ", "<!--", "<p", "&#", "</x "]) {
      const startedAt = performance.now();
      htmlToText(piece.repeat(262_144 / piece.length), 20_000);
      assert.ok(performance.now() - startedAt < 2_000, piece);
    }
  });
});

describe("readMessagePreview", () => {
  const alternative = (plain: string, html: string) =>
    lines(
      "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=",
      "Content-Type: multipart/alternative; boundary=x",
      "",
      "--x",
      "",
      plain,
      "--x",
      "Content-Type: text/html",
      "",
      html,
      "--x--",
      "",
    );

  test("shows plain text, else the words of HTML", () => {
    const both = readMessagePreview(alternative("plain words", "<p>html words</p>"));
    assert.deepEqual([both.text, both.truncated], ["plain words", false]);
    assert.deepEqual(both.headers[0], { name: "subject", value: "grüße" });
    assert.equal(readMessagePreview(alternative("  ", "<p>html<script>x</script> words</p>")).text, "html\nwords");
  });

  test("has nothing that controls a terminal or turns text around", () => {
    const { headers, text } = readMessagePreview(
      lines("Subject: a\u202eb", "X-Bell: \u0007", "", "one\u001b[2Jtwo\rx"),
    );
    assert.deepEqual(
      headers.map(({ value }) => value),
      ["ab", ""],
    );
    assert.equal(text, "one[2Jtwo\nx");
  });

  test("is bounded, and says when there is more", () => {
    const long = readMessagePreview(lines("Subject: x", "", "word ".repeat(20_000)));
    assert.equal(long.text.length, messagePreviewLimits.textCharactersMax);
    assert.equal(long.truncated, true);
    const fields = Array.from({ length: 300 }, (_, index) => `X-${index}: ${"y".repeat(2_000)}`);
    const many = readMessagePreview(lines(...fields, "", "short"));
    assert.equal(many.headers.length, messagePreviewLimits.headersMax);
    assert.ok(many.headers.every(({ value }) => value.length <= messagePreviewLimits.headerCharactersMax));
    assert.equal(many.truncated, true);
    assert.equal(readMessagePreview(lines("Subject: x", "", "short")).truncated, false);
  });

  test("a worker of the pool reads the same as this thread", async () => {
    const pool = createMimePool({ threads: 1, timeoutMs: 10_000 });
    try {
      const large = alternative("", `<p>${"word ".repeat(12_000)}</p>`);
      assert.deepEqual(await pool.preview(large), readMessagePreview(large));
    } finally {
      await pool.close();
    }
  });
});
