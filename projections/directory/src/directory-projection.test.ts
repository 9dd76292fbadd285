import { describe, test } from "node:test";
import { projectionEqualsRebuild } from "@mailfold/read-store";
import fc from "fast-check";
import { directoryProjection } from "./directory-projection.ts";
import { a1, d1, d2, type Event, k1, m1, m2, r1, recorded, sealed, t1, t2 } from "./directory-test-world.ts";

const tenantId = fc.constantFrom(t1, t2);
const domainId = fc.constantFrom(d1, d2);
const mailboxId = fc.constantFrom(m1, m2);
const name = fc.constantFrom("a.test", "b.test");
const address = fc.constantFrom("al@a.test", "bo@a.test", "team@b.test");
const switches = fc.record({
  login: fc.boolean(),
  submission: fc.boolean(),
  inbound: fc.boolean(),
  forwarding: fc.boolean(),
});
const claim = fc.record({ domainId, tenantId, name });
const verifier = fc.string({ maxLength: 3 }).map(sealed);
const typed = (type: Event["type"], data: fc.Arbitrary<object>) =>
  data.map((value) => ({ type, data: value }) as Event);
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  typed("ResellerCreated", fc.record({ resellerId: fc.constant(r1), name })),
  typed("TenantCreated", fc.record({ tenantId, resellerId: fc.constant(r1), name })),
  typed("TenantSuspended", fc.record({ tenantId, switches, reason: fc.constantFrom("ABUSE", "ADMIN") })),
  typed("TenantResumed", fc.record({ tenantId, restored: switches })),
  typed("DomainAdded", fc.record({ domainId, tenantId, name, verificationValue: fc.string({ maxLength: 3 }) })),
  typed("DomainVerified", claim),
  typed("DomainRemoved", claim),
  typed("DomainClaimLapsed", claim),
  typed(
    "MailboxCreated",
    fc.record({ mailboxId, tenantId, domainId, address: fc.option(address), quotaBytes: fc.nat(), verifier }),
  ),
  typed(
    "MailboxUpdated",
    fc.record({ mailboxId, quotaBytes: fc.nat(), displayName: name }, { requiredKeys: ["mailboxId"] }),
  ),
  typed("MailboxPasswordSet", fc.record({ mailboxId, verifier })),
  typed("MailboxSuspended", fc.record({ mailboxId, reason: name })),
  typed("MailboxResumed", fc.record({ mailboxId })),
  typed("MailboxDeleted", fc.record({ mailboxId, address })),
  typed("MailboxRestored", fc.record({ mailboxId, address })),
  typed("AddressClaimed", fc.record({ mailboxId, tenantId, domainId, address: fc.option(address) })),
  typed("AddressReleased", fc.record({ mailboxId, tenantId, address, cause: fc.constant("lapsed") })),
  typed(
    "AliasAdded",
    fc.record({
      aliasId: fc.constant(a1),
      address,
      tenantId,
      domainId,
      targets: fc.array(mailboxId, { maxLength: 3 }),
    }),
  ),
  typed("AliasRemoved", fc.record({ aliasId: fc.constant(a1), address, tenantId })),
  typed(
    "TokenCreated",
    fc.record({
      tokenId: fc.constant(k1),
      subject: name,
      name,
      scope: fc.constantFrom({ kind: "platform" }, { kind: "tenant", id: t1 }),
      secretHash: verifier,
    }),
  ),
  typed("TokenRevoked", fc.record({ tokenId: fc.constant(k1) })),
);

describe("directory rows", () => {
  test("live equals rebuild, in SQL and in memory, for any history", () => {
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (events, batchSizes) => void projectionEqualsRebuild(directoryProjection, recorded(events), { batchSizes }),
      ),
      { numRuns: 40 },
    );
  });
});
