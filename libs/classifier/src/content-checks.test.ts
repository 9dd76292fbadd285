import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MimeFlag } from "@mailfold/kernel";
import { checkContent } from "./content-checks.ts";
import { findHtmlFeatures, type htmlFeatureScores } from "./html-findings.ts";
import type { ParsedMessage } from "./message.ts";
import { findBrokenMime } from "./mime-findings.ts";
import { compilePhrases, findPhrases, type PhraseEntry } from "./phrase-list.ts";
import { readContent } from "./read-content.ts";
import { compileUrlList, findListedUrls } from "./url-list.ts";

const sound: ParsedMessage = {
  headers: [
    { name: "from", value: "ann@a.example" },
    { name: "to", value: "bob@b.example" },
    { name: "subject", value: "Minutes" },
    { name: "date", value: "Tue, 1 Sep 2026 10:00:00 +0000" },
  ],
  texts: [{ type: "plain", text: "See you tomorrow." }],
};
const html = (text: string): ParsedMessage => ({ ...sound, texts: [{ type: "html", text }] });
const features = (text: string): readonly string[] => findHtmlFeatures(readContent(html(text))).map(({ name }) => name);
const long = "words that nobody is meant to read ".repeat(12);

describe("HTML features", () => {
  const table: readonly (readonly [feature: keyof typeof htmlFeatureScores, bad: string, good: string])[] = [
    [
      "html-hidden-text",
      `<p>Buy</p><div style="display:none">${long}</div>`,
      `<div style="display:none">preheader</div><p>${long}</p>`,
    ],
    ["html-tiny-font", `<p style="font-size:1px">${long}</p>`, `<p style="font-size:12px">${long}</p>`],
    ["html-form", '<form action="https://x.example"><input></form>', "<p>fill in the form</p>"],
    ["html-script", '<p onclick="x()">hi</p>', "<p>the script on the page</p>"],
    ["html-image-only", '<img src="https://x.example/a.png">', `<img src="x"><p>${long}</p>`],
    ["html-split-words", "v<!--a-->iag<!--b-->r<!--c-->a", "<!-- one --><p>a</p><!-- two -->"],
    [
      "html-link-mismatch",
      '<a href="https://evil.example/">https://www.bank.test/login</a>',
      '<a href="https://click.bank.test/">www.bank.test</a>',
    ],
    [
      "html-link-obfuscated",
      '<a href="http://www.bank.test@3232235777/">x</a>',
      '<a href="https://bank.test/a@b">x</a>',
    ],
  ];
  for (const [feature, bad, good] of table) {
    test(feature, () => {
      assert.ok(features(bad).includes(feature), `missed in ${bad.slice(0, 60)}: ${features(bad)}`);
      assert.ok(!features(good).includes(feature), `seen in ${good.slice(0, 60)}`);
    });
  }
  test("white on white is hidden, white on black is not", () => {
    assert.ok(features(`<p style="color:#fff;background:white">${long}</p>`).includes("html-hidden-text"));
    assert.ok(!features(`<p style="color:#fff;background:#000">${long}</p>`).includes("html-hidden-text"));
  });
});

describe("phrase list", () => {
  const find = (entries: readonly PhraseEntry[], message: ParsedMessage) => {
    const { phrases } = compilePhrases(entries);
    assert.ok(phrases !== undefined);
    return findPhrases(message, readContent(message), phrases).map(({ detail, score }) => [detail, score]);
  };
  const act: PhraseEntry = { phrase: "Act now", in: "body", weight: 2 };
  test("is found across lines, disguises and markup, once", () => {
    assert.deepEqual(find([act], html("<p>ACT\n <b>n0w</b>! Act now</p>")), [["body: Act now", 2]]);
    assert.deepEqual(
      find([{ phrase: "refi", in: "subject", weight: 1 }], {
        ...sound,
        headers: [{ name: "subject", value: "r.e.f.i" }],
      }),
      [["subject: refi", 1]],
    );
  });
  test("only where the entry says, and only whole words", () => {
    assert.deepEqual(find([act], { ...sound, headers: [{ name: "subject", value: "act now" }] }), []);
    assert.deepEqual(find([act], html("<p>react nowhere; enact now</p>")), []);
  });
  test("unusable entries are named", () => {
    const { problems } = compilePhrases([
      act,
      { ...act, phrase: "!!!" },
      { ...act, phrase: "x".repeat(300) },
      { ...act, weight: Number.NaN },
    ]);
    assert.deepEqual(
      problems?.map(({ index }) => index),
      [1, 2, 3],
    );
  });
});

describe("URL domain list", () => {
  test("a listed domain counts with the names under it, and no others", () => {
    const list = compileUrlList([
      { domain: "*.Bad.example", weight: 3 },
      { domain: "worse.example.", weight: 4 },
    ]);
    const content = readContent(
      html('<a href="https://x.y.bad.example/">a</a> http://notbad.example https://worse.example'),
    );
    assert.deepEqual(
      findListedUrls(content, list).map(({ detail, score }) => [detail, score]),
      [
        ["x.y.bad.example is listed as bad.example", 3],
        ["worse.example", 4],
      ],
    );
  });
});

describe("broken MIME", () => {
  test("a sound message has no finding, and a whole check of it is empty", () => {
    assert.deepEqual(findBrokenMime(sound), []);
    assert.deepEqual(checkContent(sound, { html: true, mime: true }), []);
  });
  test("every flag has its finding", () => {
    const flags: readonly MimeFlag[] = [
      "bad-header-line",
      "nul-in-header",
      "raw-8bit-header",
      "missing-boundary",
      "unterminated-multipart",
      "bad-encoding",
      "unknown-encoding",
      "unknown-charset",
      "type-mismatch",
      "too-deep",
    ];
    for (const flag of flags) {
      const [finding] = findBrokenMime({ ...sound, mimeFlags: [flag] });
      assert.equal(finding?.name, `mime-${flag}`);
      assert.ok((finding?.score ?? 0) > 0);
    }
  });
  test("missing and repeated fields", () => {
    assert.deepEqual(
      findBrokenMime({
        ...sound,
        headers: [
          { name: "from", value: "a@b.example" },
          { name: "from", value: "c@d.example" },
        ],
      }).map(({ name }) => name),
      ["header-missing-to", "header-missing-subject", "header-missing-date", "header-repeated"],
    );
  });
});
