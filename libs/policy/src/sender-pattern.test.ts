import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseSenderPattern, validateSenderEntry } from "./sender-pattern.ts";

describe("parseSenderPattern", () => {
  test("knows each kind and canonicalises it", () => {
    for (const [text, kind, pattern] of [
      [" 192.0.2.1 ", "ip", "192.0.2.1"],
      ["::ffff:192.0.2.1", "ip", "192.0.2.1"],
      ["192.0.2.1/32", "ip", "192.0.2.1"],
      ["192.0.2.0/24", "cidr", "192.0.2.0/24"],
      ["2001:DB8::/32", "cidr", "2001:db8::/32"],
      ["Mail.Widget.COM", "host", "mail.widget.com"],
      ["Joe+x@Widget.com", "address", "joe+x@widget.com"],
      ["@Widget.com", "domain", "@widget.com"],
      ["@*Widget.com", "suffix", "@*widget.com"],
      ["@*.example", "suffix", "@*.example"],
    ] as const) {
      const parsed = parseSenderPattern(text);
      assert.ok(!("problem" in parsed), text);
      assert.deepEqual([parsed.kind, parsed.pattern], [kind, pattern]);
    }
  });

  test("refuses what names everybody, nobody or something unclear", () => {
    const bad = [
      "",
      "@",
      "@*",
      "@*.",
      "@*1",
      "*",
      "widget",
      "user@",
      "@user@x.com",
      "a b@x.com",
      "192.0.2.5/24",
      "10.1",
      "x@[192.0.2.1]",
      "a@b@c.com",
    ];
    for (const text of [
      ...bad,
      "x".repeat(321),
      `${"x".repeat(65)}@x.com`,
      "-a.com",
      "@a..com",
      "user@1.2.3.4",
      "1.2.3.4.5",
    ]) {
      assert.ok("problem" in parseSenderPattern(text), text);
    }
  });

  test("a canonical pattern parses to itself, and no text throws", () => {
    const text = fc.oneof(
      fc.emailAddress(),
      fc.domain(),
      fc.domain().map((name) => `@${name}`),
      fc.domain().map((name) => `@*${name}`),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(text, (input) => {
        const parsed = parseSenderPattern(input);
        if (!("problem" in parsed)) assert.deepEqual(parseSenderPattern(parsed.pattern), parsed);
      }),
    );
  });
});

describe("validateSenderEntry", () => {
  const locked = { unlocked: [] };
  const unlocked = { unlocked: ["trustUnverified"] };

  test("trustUnverified needs the unlock, the accept list, tenant scope and an address or domain", () => {
    const entry = { list: "accept", scopeKind: "tenant", pattern: "a@x.example", trustUnverified: true } as const;
    assert.ok("problem" in validateSenderEntry(entry, locked));
    assert.ok("problem" in validateSenderEntry({ ...entry, list: "kill" }, unlocked));
    assert.ok("problem" in validateSenderEntry({ ...entry, scopeKind: "domain" }, unlocked));
    for (const pattern of ["@*x.example", "192.0.2.1", "mail.x.example"]) {
      assert.ok("problem" in validateSenderEntry({ ...entry, pattern }, unlocked), pattern);
    }
    const valid = validateSenderEntry(entry, unlocked);
    assert.ok(!("problem" in valid) && valid.opensRelaying && valid.warning);
  });

  test("says which accept entries open relaying", () => {
    const opens = (
      scopeKind: "platform" | "tenant" | "domain",
      pattern: string,
      list: "accept" | "kill" = "accept",
    ) => {
      const valid = validateSenderEntry({ list, scopeKind, pattern }, locked);
      return !("problem" in valid) && valid.opensRelaying;
    };
    assert.equal(opens("tenant", "192.0.2.0/24"), true);
    assert.equal(opens("tenant", "192.0.0.0/16"), false);
    assert.equal(opens("tenant", "127.0.0.1"), false);
    assert.equal(opens("platform", "192.0.0.0/16"), true);
    assert.equal(opens("domain", "192.0.2.1"), false);
    assert.equal(opens("tenant", "a@x.example"), false);
    assert.equal(opens("tenant", "192.0.2.1", "kill"), false);
  });
});
