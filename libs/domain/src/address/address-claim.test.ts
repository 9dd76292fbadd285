import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AliasId, DomainId, MailboxId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { AddAlias, AddressCommand, ClaimAddress, TakeAddressFacts } from "./address-claim.ts";
import { addressClaim, aliasTargetsMax, claimWithoutMailboxMs } from "./address-claim.ts";
import type { AddressEvent } from "./events.ts";
import { parseAddress } from "./parse-address.ts";

const { given } = specify(addressClaim);
const address = "alice@example.test";
const [tenantId, domainId] = ["ten_01" as TenantId, "dom_01" as DomainId];
const [mailboxA, mailboxB] = ["mbx_a" as MailboxId, "mbx_b" as MailboxId];
const aliasId = "als_01" as AliasId;
const facts: TakeAddressFacts = { domainIsOwn: true, holderExists: false };
const claimA: ClaimAddress = { type: "ClaimAddress", address, tenantId, domainId, mailboxId: mailboxA, facts };
const claimB: ClaimAddress = { ...claimA, mailboxId: mailboxB };
const addAlias: AddAlias = {
  type: "AddAlias",
  aliasId,
  address,
  tenantId,
  domainId,
  targets: [mailboxA],
  unknownTargets: [],
  facts,
};
const claimed = (mailboxId: MailboxId): AddressEvent => ({
  type: "AddressClaimed",
  data: { address, tenantId, domainId, mailboxId },
});
const releasedA = (cause: "deleted" | "lapsed"): AddressEvent => ({
  type: "AddressReleased",
  data: { address, tenantId, mailboxId: mailboxA, cause },
});
const aliasAdded: AddressEvent = {
  type: "AliasAdded",
  data: { aliasId, address, tenantId, domainId, targets: [mailboxA] },
};
const aliasRemoved: AddressEvent = { type: "AliasRemoved", data: { aliasId, address, tenantId } };

describe("addressClaim", () => {
  test("a free address is claimed once; the same mailbox again is nothing new", () => {
    given().when(claimA).thenRecorded(claimed(mailboxA));
    given(claimed(mailboxA)).when(claimA).thenNothing();
    given(claimed(mailboxA), releasedA("deleted")).when(claimB).thenRecorded(claimed(mailboxB));
  });

  test("a held address is taken; a claim without its mailbox is free after 60 s", () => {
    const after = (claimAgeMs: number, holderExists = false) => ({
      ...claimB,
      facts: { ...facts, claimAgeMs, holderExists },
    });
    given(claimed(mailboxA))
      .when(after(claimWithoutMailboxMs - 1))
      .thenRefused("ADDRESS_TAKEN");
    given(claimed(mailboxA)).when(after(claimWithoutMailboxMs, true)).thenRefused("ADDRESS_TAKEN");
    given(claimed(mailboxA)).when(claimB).thenRefused("ADDRESS_TAKEN");
    given(claimed(mailboxA)).when(after(claimWithoutMailboxMs)).thenRecorded(releasedA("lapsed"), claimed(mailboxB));
    given(aliasAdded).when(after(claimWithoutMailboxMs)).thenRefused("ADDRESS_TAKEN");
  });

  test("what another tenant left at an address of a domain that is no longer its own gives way", () => {
    const own = { tenantId: "ten_02" as TenantId, domainId: "dom_02" as DomainId };
    const claim = { ...claimB, ...own, facts: { ...facts, holderExists: true } };
    const taken: AddressEvent = { type: "AddressClaimed", data: { address, ...own, mailboxId: mailboxB } };
    given(claimed(mailboxA)).when(claim).thenRecorded(releasedA("lapsed"), taken);
    given(aliasAdded).when(claim).thenRecorded(aliasRemoved, taken);
    given(claimed(mailboxA))
      .when({ ...claim, facts: { ...claim.facts, domainIsOwn: false } })
      .thenRefused("NOT_FOUND");
  });

  test("the domain must be the tenant's own, the address canonical and hostable", () => {
    given()
      .when({ ...claimA, facts: { ...facts, domainIsOwn: false } })
      .thenRefused("NOT_FOUND", ["address"]);
    given()
      .when({ ...claimA, address: "ALICE@example.test" })
      .thenRefused("INVALID_INPUT");
    given()
      .when({ ...claimA, address: "a%b@example.test" })
      .thenRefused("ADDRESS_INVALID");
    given()
      .when({ ...addAlias, address: "nobody" })
      .thenRefused("ADDRESS_INVALID");
  });

  test("only its holder releases an address", () => {
    const release = { type: "ReleaseAddress", mailboxId: mailboxA, cause: "deleted" } as const;
    given(claimed(mailboxA)).when(release).thenRecorded(releasedA("deleted"));
    given(claimed(mailboxB)).when(release).thenNothing();
    given().when(release).thenNothing();
  });

  test("an alias takes the address, with known targets of its tenant, each once", () => {
    given().when(addAlias).thenRecorded(aliasAdded);
    given()
      .when({ ...addAlias, targets: [mailboxA, mailboxA] })
      .thenRecorded(aliasAdded);
    given(aliasAdded).when(addAlias).thenNothing();
    given(aliasAdded)
      .when({ ...addAlias, targets: [mailboxB] })
      .thenRefused("ALREADY_EXISTS");
    given(aliasAdded)
      .when({ ...addAlias, aliasId: "als_02" as AliasId })
      .thenRefused("ADDRESS_TAKEN");
    given(claimed(mailboxA)).when(addAlias).thenRefused("ADDRESS_TAKEN");
    given()
      .when({ ...addAlias, unknownTargets: [mailboxA] })
      .thenRefused("ALIAS_TARGET_UNKNOWN");
    const many = Array.from({ length: aliasTargetsMax + 1 }, (_, index) => `mbx_${index}` as MailboxId);
    for (const targets of [[], many])
      given()
        .when({ ...addAlias, targets })
        .thenRefused("INVALID_INPUT", ["targets"]);
  });

  test("an alias is removed by its id, and its address is free again", () => {
    given(aliasAdded).when({ type: "RemoveAlias", aliasId }).thenRecorded(aliasRemoved);
    given(aliasAdded)
      .when({ type: "RemoveAlias", aliasId: "als_02" as AliasId })
      .thenRefused("NOT_FOUND");
    given().when({ type: "RemoveAlias", aliasId }).thenRefused("NOT_FOUND");
    given(aliasAdded, aliasRemoved).when(claimA).thenRecorded(claimed(mailboxA));
  });

  test("replay equals live", () => {
    const someFacts = fc.record({
      domainIsOwn: fc.constant(true),
      holderExists: fc.boolean(),
      claimAgeMs: fc.constantFrom(0, claimWithoutMailboxMs),
    });
    const command: fc.Arbitrary<AddressCommand> = fc.oneof(
      fc.tuple(fc.constantFrom(claimA, claimB, addAlias), someFacts).map(([take, more]) => ({ ...take, facts: more })),
      fc.record({
        type: fc.constant("ReleaseAddress" as const),
        mailboxId: fc.constantFrom(mailboxA, mailboxB),
        cause: fc.constantFrom("deleted" as const, "lapsed" as const),
      }),
      fc.constant<AddressCommand>({ type: "RemoveAlias", aliasId }),
    );
    holdsOverHistories(addressClaim, command);
  });
});

describe("parseAddress", () => {
  const parse = (text: string) => {
    const result = parseAddress(text);
    return "refused" in result ? result.refused.code : result.address.canonical;
  };

  test("folds case of both parts and keeps the rest", () => {
    assert.equal(parse("Bob.O'Neil+Tag@EXAMPLE.Test"), "bob.o'neil+tag@example.test");
    assert.equal(parse("x@xn--bcher-kva.test"), "x@xn--bcher-kva.test");
  });

  test("refuses relay tricks, quotes, literals, U-labels and what is no address", () => {
    const bad = [
      ...["", "@", "a@", "@b.test", "ab.test", "a@b", "a b@c.test", "a@b.test ", " a@b.test", "<a@b.test>"],
      ...["a%c@b.test", "c!a@b.test", "@x.test:a@b.test", '"a b"@c.test', "a@b@c.test", "a@[192.0.2.1]", "a@192.0.2.1"],
      ...[
        "a@[IPv6:::1]",
        "a@2130706433",
        "a@0x7f.1",
        ".a@b.test",
        "a.@b.test",
        "a..b@c.test",
        "a@b..test",
        "a@.b.test",
      ],
      ...[
        "a@b.test.",
        "a@-b.test",
        "a@b-.test",
        "a@b_c.test",
        "ä@b.test",
        "a@bücher.test",
        "a@ab--cd.test",
        "a\0@b.test",
      ],
      // The Kelvin sign and the dotted I fold to ASCII letters under Unicode rules.
      ...["\u212a@b.test", "a@\u212a.test", "\u0130@b.test", "a\r\n@b.test", "a@b.test\n"],
    ];
    for (const text of bad) assert.equal(parse(text), "ADDRESS_INVALID", JSON.stringify(text));
  });

  test("keeps the limits of RFC 5321 4.5.3.1", () => {
    const label = "d".repeat(63);
    assert.equal(parse(`${"a".repeat(64)}@b.test`), `${"a".repeat(64)}@b.test`);
    assert.equal(parse(`${"a".repeat(65)}@b.test`), "ADDRESS_INVALID");
    assert.equal(parse(`a@${label}d.test`), "ADDRESS_INVALID");
    const longest = `${"a".repeat(54)}@${label}.${label}.${label}.${"e".repeat(7)}`;
    assert.equal(longest.length, 254);
    assert.equal(parse(longest), longest);
    assert.equal(parse(`a${longest}`), "ADDRESS_INVALID");
  });

  test("what it makes is canonical: it parses to itself, in plain lower-case ASCII with one @", () => {
    const text = fc.oneof(
      fc.emailAddress(),
      fc.string({ unit: "grapheme", maxLength: 300 }),
      fc.stringMatching(/^[a-zA-Z.%!@"+-]{1,20}@[a-zA-Z0-9.-]{1,20}$/),
    );
    fc.assert(
      fc.property(text, (input) => {
        const canonical = parse(input);
        if (canonical === "ADDRESS_INVALID") return;
        assert.match(canonical, /^[!-?^-~]+@[a-z0-9.-]+$/);
        assert.equal(parse(canonical), canonical);
      }),
      { numRuns: 1_000 },
    );
  });
});
