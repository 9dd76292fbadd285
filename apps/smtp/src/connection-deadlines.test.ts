import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConnectionDeadlines, type ConnectionState } from "./connection-deadlines.ts";
import { replies } from "./replies.ts";
import { defaultSmtpLimits } from "./smtp-config.ts";

const idle: ConnectionState = {
  isUpgrading: false,
  isBusy: false,
  isInMessage: false,
  messageBytes: 0,
  unsentBytes: 0,
};

describe("ConnectionDeadlines", () => {
  test("a peer that does not read is cut, even while we are busy; one that reads late is not", () => {
    const deadlines = new ConnectionDeadlines(defaultSmtpLimits);
    const now = performance.now();
    assert.equal(deadlines.check(now, { ...idle, isBusy: true, unsentBytes: 9 }), undefined);
    assert.equal(deadlines.check(now + 29_000, { ...idle, isBusy: true, unsentBytes: 9 }), undefined);
    assert.equal(deadlines.check(now + 29_500, idle), undefined);
    assert.equal(deadlines.check(now + 31_000, { ...idle, unsentBytes: 9 }), undefined);
    assert.equal(deadlines.check(now + 62_000, { ...idle, isBusy: true, unsentBytes: 9 }), "destroy");
  });
  test("commands, messages and sessions; nobody is timed out while waiting for us", () => {
    const deadlines = new ConnectionDeadlines(defaultSmtpLimits);
    const now = performance.now();
    assert.equal(deadlines.check(now + 301_000, idle), replies.timeout);
    assert.equal(deadlines.check(now + 301_000, { ...idle, isBusy: true }), undefined);
    deadlines.messageStarts();
    const message = { ...idle, isInMessage: true };
    assert.equal(deadlines.check(now + 19_000, message), undefined);
    assert.equal(deadlines.check(now + 120_000, { ...message, messageBytes: 49_000 }), replies.tooSlow);
    assert.equal(deadlines.check(now + 120_000, { ...message, messageBytes: 51_000 }), undefined);
    assert.equal(deadlines.check(now + 1_801_000, { ...message, messageBytes: 9e9 }), replies.tooSlow);
    assert.equal(deadlines.check(now + 3_601_000, { ...message, messageBytes: 9e9 }), replies.sessionTooLong);
  });
});
