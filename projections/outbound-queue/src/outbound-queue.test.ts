import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RecipientResult } from "@mailfold/events";
import type { MessageId, Position, RecordedEvent, TenantId } from "@mailfold/kernel";
import { MemoryRows, projectionEqualsRebuild } from "@mailfold/read-store";
import fc from "fast-check";
import { dueMessages, queuedMessage } from "./due-messages.ts";
import { outboundQueue } from "./outbound-queue.ts";

const position = (number: number) => String(number).padStart(16, "0") as Position;
let count = 0;
function event(type: string, data: { readonly messageId: string; readonly [key: string]: unknown }): RecordedEvent {
  count += 1;
  return {
    id: `evt-${count}`,
    type,
    stream: `outbound-${data.messageId}`,
    revision: count,
    position: position(count),
    occurredAt: count * 10,
    data,
    metadata: { tenantId: "ten_1" as TenantId, actor: { type: "system", id: "outbound" } },
  };
}
const body = { tenantId: "ten_1", sha256: "aa", sizeBytes: 3 };
const queued = (messageId: string, ...recipients: readonly string[]) =>
  event("MessageQueued", {
    messageId,
    sender: "s@a.test",
    recipients,
    body,
    prefix: "",
    sizeBytes: 3,
    vouchedBy: "login",
    expiresAt: 9_999,
    smtpUtf8: false,
    eightBit: true,
  });
const attempted = (
  messageId: string,
  results: readonly (readonly [string, RecipientResult["outcome"]])[],
  next?: number,
) =>
  event("DeliveryAttempted", {
    messageId,
    attempt: 1,
    host: "mx.test",
    tls: "none",
    results: results.map(([recipient, outcome]) => ({ recipient, outcome, code: 250, text: outcome })),
    ...(next === undefined ? {} : { nextAttemptAt: next }),
  });
const finished = (messageId: string) =>
  event("OutboundFinished", { messageId, delivered: 1, failed: 0, bounce: "not-needed" });

function queueOf(...events: readonly RecordedEvent[]) {
  const rows = new MemoryRows([outboundQueue]);
  for (const each of events) rows.append(each);
  return rows;
}
const due = (rows: MemoryRows, at: number) => dueMessages(rows, at, 100).map(({ messageId }) => messageId);

describe("outbound queue", () => {
  test("a message is due at once, then when its deferred recipients are, then no more", () => {
    count = 0;
    const rows = queueOf(queued("msg_1", "a@x.test", "b@y.test"));
    assert.deepEqual([due(rows, 9), due(rows, 10)], [[], ["msg_1"]]);
    rows.append(attempted("msg_1", [["a@x.test", "delivered"]]));
    assert.deepEqual(due(rows, 10), ["msg_1"], "the other destination has not been tried");
    rows.append(attempted("msg_1", [["b@y.test", "deferred"]], 500));
    assert.deepEqual([due(rows, 499), due(rows, 500)], [[], ["msg_1"]]);
    const message = queuedMessage(rows, "msg_1" as MessageId);
    assert.deepEqual(
      [message?.status, message?.nextAttemptAt, message?.body, message?.tenantId],
      ["trying", 500, body, "ten_1"],
    );
    rows.append(attempted("msg_1", [["b@y.test", "failed"]]));
    assert.deepEqual(due(rows, 10_000), ["msg_1"], "its bounce is still to be sent");
    rows.append(finished("msg_1"));
    assert.deepEqual(due(rows, 10_000), []);
    assert.equal(queuedMessage(rows, "msg_1" as MessageId)?.status, "finished");
    assert.equal(queuedMessage(rows, "msg_1" as MessageId)?.nextAttemptAt, undefined);
    const recipients = rows.select(outboundQueue, "recipients", { where: { messageId: "msg_1" }, limit: 9 });
    assert.deepEqual(
      recipients.map(({ recipient, status, text }) => [recipient, status, text]),
      [
        ["a@x.test", "delivered", "delivered"],
        ["b@y.test", "failed", "failed"],
      ],
    );
  });

  test("the longest due comes first, and each message once", () => {
    count = 0;
    const rows = queueOf(queued("msg_1", "a@x.test", "b@x.test"), queued("msg_2", "c@x.test"));
    rows.append(
      attempted(
        "msg_1",
        [
          ["a@x.test", "deferred"],
          ["b@x.test", "deferred"],
        ],
        90,
      ),
    );
    assert.deepEqual(due(rows, 100), ["msg_2", "msg_1"]);
    assert.equal(queuedMessage(rows, "msg_3" as MessageId), undefined);
  });

  test("live equals rebuild for any history, traffic expiring under way", () => {
    const id = fc.constantFrom("msg_1", "msg_2", "msg_3");
    const recipient = fc.constantFrom("a@x.test", "b@x.test");
    const outcome = fc.constantFrom<RecipientResult["outcome"]>("delivered", "deferred", "failed");
    const make = fc.oneof(
      fc.tuple(id, fc.uniqueArray(recipient, { minLength: 1 })).map(
        ([a, all]) =>
          () =>
            queued(a, ...all),
      ),
      fc.tuple(id, fc.array(fc.tuple(recipient, outcome)), fc.option(fc.nat(), { nil: undefined })).map(
        ([a, results, next]) =>
          () =>
            attempted(a, results, next),
      ),
      id.map((a) => () => finished(a)),
    );
    fc.assert(
      fc.property(fc.array(make, { minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(), (makers, at, below) => {
        count = 0;
        const history = makers.map((maker) => maker());
        const afterEvents = 1 + (at % history.length);
        projectionEqualsRebuild(outboundQueue, history, {
          floors: [{ afterEvents, floor: position(1 + (below % afterEvents)) }],
          batchSizes: [2, 7],
        });
      }),
      { numRuns: 60 },
    );
  });
});
