import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ParsedMessage } from "./message.ts";
import { foldText, normaliseWord } from "./normalise-word.ts";
import { scanHtml } from "./scan-html.ts";
import { tokenize, tokensMax } from "./tokenize.ts";
import { urlHost } from "./url-hosts.ts";

const plain = (text: string, subject = "hello"): ParsedMessage => ({
  headers: [
    { name: "from", value: "Ann <ann@shop.example.org>" },
    { name: "subject", value: subject },
  ],
  texts: [{ type: "plain", text }],
});

describe("word normalisation", () => {
  const table: readonly (readonly [written: string, counted: string])[] = [
    ["r.e.f.i", "refi"],
    ["R-E-F-I", "refi"],
    ["v1agra", "viagra"],
    ["ca$h", "cash"],
    ["mp3", "mp3"],
    ["2024", "2024"],
    ["vi\u200bagra", "viagra"],
    ["v\u0456\u0430gra", "viagra"],
    ["\u043f\u0440\u0438\u0432\u0435\u0442", "\u043f\u0440\u0438\u0432\u0435\u0442"],
    ["caf\u00e9", "cafe"],
    ["well-known", "well-known"],
    ["\uff56\uff49\uff41\uff47\uff52\uff41", "viagra"],
  ];
  for (const [written, counted] of table) {
    test(`${JSON.stringify(written)} counts as ${counted}`, () => {
      assert.equal(normaliseWord(foldText(written)).word, counted);
    });
  }
  test("a disguise is itself a token, plain writing is none", () => {
    assert.ok(tokenize(plain("cheap r.e.f.i now")).includes("b:*disguised"));
    assert.ok(!tokenize(plain("cheap refi now, don't wait (well-known)")).includes("b:*disguised"));
  });
  test("letters spaced out are joined", () => {
    assert.ok(tokenize(plain("get v i a g r a here")).includes("b:viagra"));
    assert.ok(!tokenize(plain("a b or not")).some((token) => token.includes("abor")));
  });
});

describe("tokenize", () => {
  test("names where a token was seen", () => {
    const tokens = tokenize(plain("Read https://deep.shop.example.org:8080/x?y now", "Great NEWS"));
    for (const token of [
      "s:great",
      "s:news",
      "f:shop.example.org",
      "f:example.org",
      "b:read",
      "u:deep.shop.example.org",
      "u:example.org",
    ]) {
      assert.ok(tokens.includes(token), token);
    }
    assert.ok(tokens.includes("h:no-date"));
    assert.ok(!tokens.includes("b:great"));
  });
  test("scripts without blanks are cut into pairs", () => {
    assert.ok(tokenize(plain("\u514d\u8cbb\u8cb8\u6b3e")).includes("b:\u514d\u8cbb"));
  });
  test("text that HTML hides is not counted, words split by markup are whole", () => {
    const html = '<p>vi<!-- x -->agra</p><div style="display:none">schedule</div><style>.secret{}</style>';
    const tokens = tokenize({ ...plain(""), texts: [{ type: "html", text: html }] });
    assert.ok(tokens.includes("b:viagra"));
    assert.ok(!tokens.some((token) => token.includes("schedule") || token.includes("secret")));
  });
  test("any input gives distinct tokens, at most tokensMax, the same each time", () => {
    const text = fc.string({ unit: "binary", maxLength: 150 });
    fc.assert(
      fc.property(text, text, fc.constantFrom("plain" as const, "html" as const), (subject, body, type) => {
        const message = { ...plain("", subject), texts: [{ type, text: body }] };
        const tokens = tokenize(message);
        assert.deepEqual(tokenize(message), tokens);
        assert.equal(new Set(tokens).size, tokens.length);
        assert.ok(tokens.length <= tokensMax);
      }),
      { numRuns: 100 },
    );
  });
  test("a flood of words is capped", () => {
    const flood = Array.from({ length: 30_000 }, (_, index) => `word${index.toString(36)}x`).join(" ");
    assert.equal(tokenize(plain(flood)).length, tokensMax);
  });
  test("hostile text takes linear time", () => {
    const size = 262_144;
    const hostile = ["<a '", '<p style="', "<div>", "&#", "a.", "a ", "<!--", "</a", "<script>", "www.", "a-", "<x\n"];
    for (const unit of hostile) {
      const text = unit.repeat(size / unit.length);
      const start = performance.now();
      tokenize({ ...plain(text), texts: [{ type: "html", text }] });
      tokenize(plain(text));
      assert.ok(performance.now() - start < 3_000, `${JSON.stringify(unit)} took ${performance.now() - start} ms`);
    }
  });
});

describe("HTML and URLs", () => {
  test("hosts are read as a browser would", () => {
    assert.equal(urlHost("https://Good.Example@evil.example:443/x"), "evil.example");
    assert.equal(urlHost("http://evil%2eexample/"), "evil.example");
    assert.equal(urlHost("https:///"), "");
    assert.equal(urlHost("http://localhost/"), "");
  });
  test("links, forms, scripts, images and tiny text are counted", () => {
    const scan = scanHtml(
      '<form action=x><input></form><img src=a><a href="https://a.example/">Shop <b>now</b></a><script>1<2</script><p style="font-size: 1px">small print</p>',
    );
    assert.deepEqual([scan.forms, scan.scripts, scan.images, scan.tinyCharacters], [1, 1, 1, 10]);
    assert.deepEqual(scan.links, [{ href: "https://a.example/", text: "Shop now" }]);
    assert.ok(!scan.visible.includes("1<2"));
  });
  test("a comparison in text is no tag", () => {
    assert.equal(scanHtml("1 < 2 and <3").visible, "1 < 2 and <3");
  });
});
