import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLoginLimits } from "./login-limits.ts";

describe("login limits", () => {
  const limit = { failuresMax: 3, windowMs: 60_000, keysMax: 2 };

  test("the fourth try within the window waits, and may try again when failures have leaked away", () => {
    const limits = createLoginLimits(limit);
    for (let tries = 0; tries < 3; tries += 1) {
      assert.equal(limits.blockedFor("192.0.2.1", 0), undefined);
      limits.failed("192.0.2.1", 0);
    }
    const waitSeconds = limits.blockedFor("192.0.2.1", 0) ?? 0;
    assert.ok(waitSeconds > 0 && waitSeconds <= 60);
    assert.equal(limits.blockedFor("192.0.2.1", waitSeconds * 1_000), undefined);
    assert.equal(limits.blockedFor("192.0.2.2", 0), undefined);
  });

  test("a success forgives", () => {
    const limits = createLoginLimits(limit);
    for (let tries = 0; tries < 3; tries += 1) limits.failed("a", 0);
    limits.forgive("a");
    assert.equal(limits.blockedFor("a", 0), undefined);
  });

  test("a clock that steps back does not unblock or overflow", () => {
    const limits = createLoginLimits(limit);
    for (let tries = 0; tries < 3; tries += 1) limits.failed("a", 1_000_000);
    assert.notEqual(limits.blockedFor("a", 0), undefined);
  });

  test("memory is bounded: the one that failed longest ago is forgotten", () => {
    const limits = createLoginLimits(limit);
    for (const key of ["a", "b", "c"]) for (let tries = 0; tries < 3; tries += 1) limits.failed(key, 0);
    assert.equal(limits.blockedFor("a", 0), undefined);
    assert.notEqual(limits.blockedFor("c", 0), undefined);
  });
});
