import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Scope } from "@mailfold/domain";
import * as domain from "@mailfold/domain";
import type { Decider, DomainEvent, Sealer, TenantId } from "@mailfold/kernel";
import { recordEvents } from "./catalogue/record-events.ts";
import { shadowEvents } from "./catalogue/shadow-events.ts";
import { createEventCodec } from "./create-codec.ts";

const ids = {
  resellerId: "rsl_01" as never,
  tenantId: "ten_01" as TenantId,
  domainId: "dom_01" as never,
  mailboxId: "mbx_01" as never,
  aliasId: "als_01" as never,
  tokenId: "tok_01" as never,
  entryId: "sle_01" as never,
};
const { tenantId } = ids;
const sealed = { keyId: "k", nonce: "n", ciphertext: "c" };
const scope: Scope = { kind: "tenant", id: tenantId };
const sealer: Sealer = { seal: () => sealed, open: () => undefined, blindIndex: () => "" };
const codec = createEventCodec(sealer);
const seen = new Set<string>();

/** Decides the commands one after the other and writes every event as the catalogue demands. */
function writes<C, E extends DomainEvent, S>(stream: string, decider: Decider<C, E, S>, ...commands: readonly C[]) {
  let state = decider.initialState;
  for (const command of commands) {
    const { events, refused } = decider.decide(command, state);
    assert.equal(refused, undefined, JSON.stringify({ command, refused }));
    for (const { type, data } of events ?? []) {
      const metadata = { tenantId, actor: { type: "system", id: "test" } } as const;
      codec.encode(stream, { id: "x", type, data, metadata, occurredAt: 1 });
      seen.add(type);
    }
    state = (events ?? []).reduce(decider.evolve, state);
  }
}

describe("what deciders decide can be written", () => {
  test("reseller, tenant, token", () => {
    const externalId = { externalId: "x", externalIdTaken: false };
    writes("reseller-rsl_01", domain.reseller, { type: "CreateReseller", ...ids, name: "R", ...externalId });
    const created = { type: "CreateTenant", ...ids, name: "T", resellerExists: true, ...externalId } as const;
    const switches = { ...domain.noSwitches, login: true };
    const suspend = { type: "SuspendTenant", switches, reason: "ABUSE", note: "n" } as const;
    writes("tenant-ten_01", domain.tenant, created, suspend, { type: "ResumeTenant" });
    const token = { ...ids, subject: "s", name: "n", scope, secretHash: sealed, expiresAt: 9 } as const;
    const facts = { at: 1, scopeExists: true };
    writes("token-tok_01", domain.token, { type: "CreateToken", ...token, facts }, { type: "RevokeToken" });
  });

  test("domain", () => {
    const facts = { tenantExists: true, publicSuffix: false, underOtherTenant: false };
    const name = "example.test";
    const add = { type: "AddDomain", ...ids, name, verificationValue: "v", facts } as const;
    const { domainId } = ids;
    writes(
      "domain-example.test",
      domain.mailDomain,
      add,
      { type: "LapseDomainClaim", domainId, claimAgeMs: domain.unverifiedClaimMs },
      add,
      { type: "VerifyDomain", domainId, method: "dns", proven: true },
      { type: "RemoveDomain", domainId, addressesInUse: 0 },
    );
  });

  test("mailbox and address", () => {
    const address = "a@example.test";
    const { mailboxId, aliasId } = ids;
    writes(
      "mailbox-mbx_01",
      domain.mailbox,
      { type: "CreateMailbox", ...ids, address, displayName: "A", quotaBytes: 1, verifier: sealed },
      { type: "UpdateMailbox", displayName: "B", quotaBytes: 2 },
      { type: "SetMailboxPassword", verifier: sealed },
      { type: "SuspendMailbox", reason: "ABUSE", note: "n" },
      { type: "DeleteMailbox" },
      { type: "RestoreMailbox", addressIsHeld: true },
      { type: "ResumeMailbox" },
    );
    const facts = { domainIsOwn: true, holderExists: false };
    writes(
      "address-5f1d",
      domain.addressClaim,
      { type: "ClaimAddress", ...ids, address, facts },
      { type: "ReleaseAddress", mailboxId, cause: "deleted" },
      { type: "AddAlias", ...ids, address, targets: [mailboxId], unknownTargets: [], facts },
      { type: "RemoveAlias", aliasId },
    );
  });

  test("policy and sender lists", () => {
    const set = { a: null, b: [1, { c: ["d", true] }] };
    const change = { type: "ChangePolicySettings", scope, scopeExists: true, check: () => undefined } as const;
    const limits = { a: { locked: true }, b: { min: 1 }, c: { max: 2 }, d: { allowed: ["x", 1, true] } } as const;
    writes(
      "policy-ten_01",
      domain.policySettings,
      { ...change, set, unset: [] },
      { ...change, set: {}, unset: ["a"] },
      { ...change, set: {}, unset: [], limits: { set: limits, unset: [], check: () => undefined } },
      { ...change, set: {}, unset: [], limits: { set: {}, unset: ["a"], check: () => undefined } },
    );
    const facts = { at: 1, scopeExists: true, trustUnverifiedUnlocked: true };
    const entry = { ...ids, scope, list: "accept", pattern: "192.0.2.1", expiresAt: 9, note: "n" } as const;
    writes(
      "senderentry-ten_01.5f1d",
      domain.senderEntry,
      { type: "AddSenderEntry", ...entry, trustUnverified: true, facts },
      { type: "RemoveSenderEntry", entryId: ids.entryId },
    );
  });

  test("pardon", () => {
    const pardonId = "prd_01" as never;
    const subject = { kind: "ip", value: "192.0.2.1" } as const;
    const facts = { at: 1, scopeExists: true, unknownEvidence: [] };
    const asked = { pardonId, subject, until: 9, voidEvidence: ["e"], reason: "r", redeliver: true, facts };
    writes(
      "pardon-ten_01.5f1d",
      domain.pardon,
      { type: "PardonSender", scope: { kind: "tenant", id: tenantId }, ...asked },
      { type: "LiftPardon", pardonId, reason: "r", at: 2 },
    );
  });

  test("shadow", () => {
    const facts = { at: 1, scopeExists: true };
    const changes = [{ set: { spf: "reject" } }, { entryAdd: { list: "kill", pattern: "@spam.example" } }];
    const of = (number: number) => ({ shadowId: `shd_0${number}` as never });
    const begin = { type: "StartShadow", scope, changes, expiresAt: 9, note: "n", facts } as const;
    writes(
      "shadow-ten_01",
      domain.shadow,
      { ...begin, ...of(1) },
      { ...begin, ...of(2) },
      { type: "PromoteShadow", ...of(1), at: 2 },
      { type: "DropShadow", ...of(2), at: 2 },
    );
  });

  test("and that was every event of the deciders", () => {
    const byStores = ["LogCreated", "LogRestored"];
    const expected = [
      ...Object.keys(recordEvents),
      "SenderPardoned",
      "PardonLifted",
      ...Object.keys(shadowEvents),
    ].filter((name) => !byStores.includes(name));
    assert.deepEqual([...seen].sort(), expected.sort());
  });
});
