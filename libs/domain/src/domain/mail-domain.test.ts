import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DomainId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { MailDomainEvent } from "./events.ts";
import type { AddDomain, AddDomainFacts, MailDomainCommand } from "./mail-domain.ts";
import { mailDomain, mayReceive, unverifiedClaimMs } from "./mail-domain.ts";

const { given } = specify(mailDomain);
const [tenantA, tenantB] = ["ten_a" as TenantId, "ten_b" as TenantId];
const [domainA, domainB] = ["dom_a" as DomainId, "dom_b" as DomainId];
const name = "example.test";
const facts: AddDomainFacts = { tenantExists: true, publicSuffix: false, underOtherTenant: false };
const addA: AddDomain = {
  type: "AddDomain",
  domainId: domainA,
  tenantId: tenantA,
  name,
  verificationValue: "va",
  facts,
};
const addB: AddDomain = { ...addA, domainId: domainB, tenantId: tenantB, verificationValue: "vb" };
const keysA = { domainId: domainA, tenantId: tenantA, name };
const keysB = { domainId: domainB, tenantId: tenantB, name };
const addedA: MailDomainEvent = { type: "DomainAdded", data: { ...keysA, verificationValue: "va" } };
const addedB: MailDomainEvent = { type: "DomainAdded", data: { ...keysB, verificationValue: "vb" } };
const verifiedA: MailDomainEvent = { type: "DomainVerified", data: { ...keysA, method: "dns" } };
const removedA: MailDomainEvent = { type: "DomainRemoved", data: keysA };
const lapsedA = (cause: "expired" | "proven-by-other"): MailDomainEvent => ({
  type: "DomainClaimLapsed",
  data: { ...keysA, cause },
});
const fold = (...events: readonly MailDomainEvent[]) => events.reduce(mailDomain.evolve, mailDomain.initialState);

describe("mailDomain", () => {
  test("a free name is added, with a proof verified at once", () => {
    given().when(addA).thenRecorded(addedA);
    given()
      .when({ ...addA, facts: { ...facts, proof: "dns" } })
      .thenRecorded(addedA, verifiedA);
  });

  test("refuses bad names, public suffixes, names under another tenant's domain, unknown tenants", () => {
    for (const bad of ["", "localhost", "a..test", "-a.test", "a.test.", "ex ample.test", "bücher.test", "1.2.3.4"]) {
      given()
        .when({ ...addA, name: bad })
        .thenRefused("DOMAIN_INVALID", ["name"]);
    }
    given()
      .when({ ...addA, name: "Example.test" })
      .thenRefused("INVALID_INPUT", ["name"]);
    given()
      .when({ ...addA, facts: { ...facts, publicSuffix: true } })
      .thenRefused("DOMAIN_IS_PUBLIC_SUFFIX");
    given()
      .when({ ...addA, facts: { ...facts, underOtherTenant: true } })
      .thenRefused("DOMAIN_UNDER_OTHER_TENANT");
    given()
      .when({ ...addA, facts: { ...facts, tenantExists: false } })
      .thenRefused("NOT_FOUND", ["tenantId"]);
  });

  test("a verified name is taken; an unverified claim yields to proof and to time, not before", () => {
    const proven = { ...addB, facts: { ...facts, proof: "dns" as const } };
    given(addedA, verifiedA).when(proven).thenRefused("DOMAIN_TAKEN");
    given(addedA)
      .when({ ...addA, domainId: domainB })
      .thenRefused("DOMAIN_TAKEN");
    const aged = (claimAgeMs: number) => ({ ...addB, facts: { ...facts, claimAgeMs } });
    given(addedA)
      .when(aged(unverifiedClaimMs - 1))
      .thenRefused("DOMAIN_TAKEN");
    given(addedA).when(aged(unverifiedClaimMs)).thenRecorded(lapsedA("expired"), addedB);
    given(addedA)
      .when(proven)
      .thenRecorded(lapsedA("proven-by-other"), addedB, { type: "DomainVerified", data: { ...keysB, method: "dns" } });
  });

  test("the refusal tells the newcomer its own value to publish, never the holder's", () => {
    const { refused } = mailDomain.decide(addB, fold(addedA));
    assert.deepEqual(refused?.details, {
      yieldsToProof: true,
      recordName: "_mailfold.example.test",
      verificationValue: "vb",
    });
    assert.ok(!JSON.stringify(refused).includes("ten_a"));
  });

  test("verifying needs the proof and the claim's own id; a second time is nothing new", () => {
    const verify = { type: "VerifyDomain", domainId: domainA, method: "dns", proven: true } as const;
    given(addedA).when(verify).thenRecorded(verifiedA);
    given(addedA)
      .when({ ...verify, proven: false })
      .thenRefused("DOMAIN_NOT_PROVEN");
    given(addedA, verifiedA)
      .when({ ...verify, proven: false })
      .thenNothing();
    given(addedA)
      .when({ ...verify, domainId: domainB })
      .thenRefused("NOT_FOUND");
    given().when(verify).thenRefused("NOT_FOUND");
  });

  test("a removed domain can be claimed again, by anyone; not while addresses stand in it", () => {
    const remove = { type: "RemoveDomain", domainId: domainA, addressesInUse: 0 } as const;
    given(addedA, verifiedA).when(remove).thenRecorded(removedA);
    given(addedA)
      .when({ ...remove, addressesInUse: 1 })
      .thenRefused("DOMAIN_IN_USE");
    given(addedA, verifiedA, removedA).when(addB).thenRecorded(addedB);
    given(addedA, removedA).when(remove).thenRefused("NOT_FOUND");
  });

  test("the sweeper lapses unverified claims after 14 days, verified ones never", () => {
    const lapse = { type: "LapseDomainClaim", domainId: domainA, claimAgeMs: unverifiedClaimMs } as const;
    given(addedA).when(lapse).thenRecorded(lapsedA("expired"));
    given(addedA)
      .when({ ...lapse, claimAgeMs: unverifiedClaimMs - 1 })
      .thenNothing();
    given(addedA, verifiedA).when(lapse).thenNothing();
  });

  test("unverified may receive, but not a name that another tenant held before", () => {
    assert.equal(mayReceive(fold()), false);
    assert.equal(mayReceive(fold(addedA)), true);
    assert.equal(mayReceive(fold(addedA, verifiedA, removedA, addedB)), false);
    assert.equal(mayReceive(fold(addedA, verifiedA, removedA, addedA)), true);
    const verifiedB: MailDomainEvent = { type: "DomainVerified", data: { ...keysB, method: "platform" } };
    assert.equal(mayReceive(fold(addedA, verifiedA, removedA, addedB, verifiedB)), true);
    // A claim that never was proven held nothing: else anyone could spoil a name by claiming it.
    assert.equal(mayReceive(fold(addedA, lapsedA("expired"), addedB)), true);
  });

  test("replay equals live", () => {
    const age = fc.constantFrom(0, unverifiedClaimMs - 1, unverifiedClaimMs);
    const domainId = fc.constantFrom(domainA, domainB);
    const command: fc.Arbitrary<MailDomainCommand> = fc.oneof(
      fc
        .tuple(fc.constantFrom(addA, addB), age, fc.constantFrom(undefined, "dns" as const, "platform" as const))
        .map(([add, claimAgeMs, proof]) => ({
          ...add,
          facts: { ...facts, claimAgeMs, ...(proof === undefined ? {} : { proof }) },
        })),
      fc.record({
        type: fc.constant("VerifyDomain" as const),
        domainId,
        method: fc.constantFrom("dns" as const, "platform" as const),
        proven: fc.boolean(),
      }),
      fc.record({ type: fc.constant("RemoveDomain" as const), domainId, addressesInUse: fc.constantFrom(0, 1) }),
      fc.record({ type: fc.constant("LapseDomainClaim" as const), domainId, claimAgeMs: age }),
    );
    holdsOverHistories(mailDomain, command);
  });
});
