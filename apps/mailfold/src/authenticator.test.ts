import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, createMetrics } from "@mailfold/telemetry";
import { type AuthenticatorDeps, createAuthenticator } from "./authenticator.ts";

describe("authenticator", () => {
  const attempt = {
    login: "Nobody@demo.test",
    password: "wrong",
    protocol: "imap",
    mechanism: "PLAIN",
    ip: "192.0.2.1",
    tls: true,
    sessionId: "s",
  } as const;
  const world = () => {
    const failed: string[] = [];
    const state = { denied: undefined as number | undefined, verified: 0 };
    const deps = {
      directory: { mailboxByAddress: () => undefined },
      passwords: {
        verifyNothing: async () => {
          state.verified += 1;
          return false;
        },
      },
      clock: { now: () => 1_000 },
      metrics: createMetrics(),
      log: createLogger("silent"),
      ready: () => true,
      abuse: {
        loginFailed: (ip: string, protocol: string) => void failed.push(`${ip} ${protocol}`),
        deniedForSeconds: () => state.denied,
      },
    } as unknown as AuthenticatorDeps;
    return { failed, state, authenticator: createAuthenticator(deps) };
  };

  test("a failed login is told to the abuse watch with its protocol", async () => {
    const { failed, authenticator } = world();
    assert.deepEqual(await authenticator.authenticate(attempt), { ok: false, cause: "bad-credentials" });
    assert.deepEqual(failed, ["192.0.2.1 imap"]);
  });

  test("a denied address is told to wait; no password is looked at", async () => {
    const { failed, state, authenticator } = world();
    state.denied = 60;
    const outcome = await authenticator.authenticate(attempt);
    assert.deepEqual(outcome, { ok: false, cause: "throttled", retryAfterSeconds: 60 });
    assert.deepEqual([failed.length, state.verified], [0, 0]);
  });

  test("an account is put off after 50 failures, from wherever they come", async () => {
    const { authenticator } = world();
    for (let n = 0; n < 50; n += 1) await authenticator.authenticate({ ...attempt, ip: `192.0.2.${n}` });
    assert.equal((await authenticator.authenticate({ ...attempt, ip: "198.51.100.1" })).ok, false);
    const outcome = await authenticator.authenticate({ ...attempt, ip: "198.51.100.1" });
    assert.equal(outcome.ok === false && outcome.cause, "throttled");
  });
});
