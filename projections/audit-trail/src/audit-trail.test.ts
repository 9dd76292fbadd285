import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Position, RecordedEvent, ResellerId, TenantId } from "@mailfold/kernel";
import { MemoryRows, projectionEqualsRebuild } from "@mailfold/read-store";
import fc from "fast-check";
import { auditTrail } from "./audit-trail.ts";

const position = (number: number) => String(number).padStart(16, "0") as Position;
const event = (number: number, type: string, data: unknown, stream = "tenant-ten_1"): RecordedEvent => ({
  id: `evt-${number}`,
  type,
  stream,
  revision: number,
  position: position(number),
  occurredAt: number * 10,
  data,
  metadata: {
    tenantId: "ten_1" as TenantId,
    resellerId: "rsl_1" as ResellerId,
    actor: { type: "reseller", id: "tok_1", name: "ci", onBehalfOf: "ops" },
    context: { ip: "192.0.2.1", requestId: "req" },
  },
});

function trailOf(...events: readonly RecordedEvent[]) {
  const rows = new MemoryRows([auditTrail]);
  for (const each of events) rows.append(each);
  return rows;
}

describe("audit trail", () => {
  test("says who did what, where, from where, with what outcome", () => {
    const rows = trailOf(
      event(1, "TenantSuspended", { tenantId: "ten_1", reason: "ABUSE" }),
      event(2, "IpDenied", { prefix: "192.0.2.7/32", reason: "overlong" }, "denial-192.0.2.7/32"),
      event(3, "MessageDelivered", { deliveryId: "x" }, "mail-mbx_1"),
      event(4, "VerdictRecorded", {}, "verdict-ten_1.20260101"),
    );
    const [suspended, denied, ...rest] = rows.select(auditTrail, "entries", { where: { tenantId: "ten_1" }, limit: 9 });
    assert.deepEqual(rest, [], "mail and verdicts are not the trail's");
    assert.deepEqual(
      [suspended?.type, suspended?.actorType, suspended?.actorId, suspended?.ip, suspended?.outcome, suspended?.at],
      ["TenantSuspended", "reseller", "tok_1", "192.0.2.1", "success", 10],
    );
    assert.equal(suspended?.summary, `{"tenantId":"ten_1","reason":"ABUSE"}`);
    assert.deepEqual([denied?.category, denied?.outcome, denied?.expiringPosition], ["denial", "failure", position(2)]);
  });

  test("holds no secret, wherever it hides, and no endless summary", () => {
    const sealed = { keyId: "k", nonce: "n", ciphertext: "CIPHER" };
    const rows = trailOf(
      event(1, "MailboxCreated", { mailboxId: "mbx_1", verifier: sealed }),
      event(2, "TokenCreated", { tokenId: "tok_2", nested: [{ deep: sealed }] }),
      event(3, "PolicySettingsChanged", {
        set: { relayAddresses: Array.from({ length: 9_000 }, () => "192.0.2.0/24") },
      }),
    );
    const summaries = rows.select(auditTrail, "entries", { limit: 9 }).map(({ summary }) => String(summary));
    assert(!summaries.join("").includes("CIPHER"));
    assert.equal(summaries[0], `{"mailboxId":"mbx_1","verifier":"[secret]"}`);
    assert.equal(summaries[2], `{"tooLongForSummary":true,"members":["set"]}`);
  });

  test("live equals rebuild for any history, denials expiring under way", () => {
    const kind = fc.constantFrom(...auditTrail.handles, "VerdictRecorded");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(kind, fc.jsonValue({ maxDepth: 2 })), { minLength: 1, maxLength: 50 }),
        fc.nat(),
        fc.nat(),
        (kinds, at, below) => {
          const history = kinds.map(([type, data], index) =>
            event(index + 1, type, { data }, type === "IpDenied" ? "denial-x" : "tenant-x"),
          );
          const afterEvents = 1 + (at % history.length);
          const floors = [{ afterEvents, floor: position(1 + (below % afterEvents)) }];
          projectionEqualsRebuild(auditTrail, history, { floors });
        },
      ),
      { numRuns: 40 },
    );
  });
});
