import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { Denials } from "../denials.ts";
import { createAbuseWatch } from "./abuse-watch.ts";

describe("abuse over sessions and protocols", () => {
  let denied: string[] = [];
  let now = 0;
  const limits = { harvestLimit: 2, authFailureLimit: 2 };
  const denials = {
    isExempt: (ip: string) => ip === "127.0.0.1",
    deny: async (ip: string, reason: string, { protocol = "smtp" } = {}) =>
      void denied.push(`${ip} ${reason} ${protocol}`),
  } as unknown as Denials;
  beforeEach(() => {
    denied = [];
    now = 1_700_000_000_000;
    Object.assign(limits, { harvestLimit: 2, authFailureLimit: 2 });
  });
  type Judgement = Parameters<ReturnType<typeof watch>["messageTaken"]>[0][number];
  const judged = (action: string, more: object = {}, kind = "local"): Judgement =>
    ({ verdict: { action }, facts: { ip: "192.0.2.1", recipient: { found: { kind } }, ...more } }) as never;
  const watch = () => createAbuseWatch({ denials, settings: () => limits, clock: { now: () => now } });

  test("one failed login more than the limit in an hour, whatever the protocols; harvesting is counted apart", () => {
    const abuse = watch();
    abuse.unknownRecipient("192.0.2.1");
    abuse.loginFailed("192.0.2.1", "imap");
    abuse.loginFailed("192.0.2.1", "submission");
    abuse.loginFailed("192.0.2.2", "http");
    assert.deepEqual(denied, []);
    abuse.loginFailed("192.0.2.1", "http");
    assert.deepEqual(denied, ["192.0.2.1 auth-failures http"]);
  });

  test("who brings more wanted mail than it guesses in an hour is spared; half of either is not", () => {
    const abuse = watch();
    abuse.messageTaken([judged("accept"), judged("accept")]);
    abuse.messageTaken([judged("accept")]);
    for (let n = 0; n < 3; n += 1) abuse.unknownRecipient("192.0.2.1");
    assert.deepEqual(denied, []);
    abuse.unknownRecipient("192.0.2.1");
    assert.deepEqual(denied, ["192.0.2.1 harvest smtp"]);
  });

  test("junk, quarantine, what a login sends or what is for others speaks for nobody, nor does mail of an hour ago", () => {
    const abuse = watch();
    abuse.messageTaken([judged("accept"), judged("accept"), judged("accept"), judged("accept")]);
    now += 61 * 60_000;
    const login = { login: { mailboxId: "mbx_a" } };
    for (const action of ["junk", "quarantine", "discard", "reject", "defer"]) abuse.messageTaken([judged(action)]);
    abuse.messageTaken([judged("accept", login), judged("accept", {}, "foreign"), judged("accept", login)]);
    abuse.messageTaken([judged("accept"), judged("junk"), judged("accept")]);
    for (let n = 0; n < 3; n += 1) abuse.unknownRecipient("192.0.2.1");
    assert.deepEqual(denied, ["192.0.2.1 harvest smtp"]);
  });

  test("a peer that is known as a good one is spared; it is asked only beyond the limit", () => {
    const abuse = watch();
    let asked = 0;
    const isWelcome = () => {
      asked += 1;
      return asked === 1;
    };
    for (let n = 0; n < 3; n += 1) abuse.unknownRecipient("192.0.2.1", isWelcome);
    assert.deepEqual([asked, denied], [1, []]);
    abuse.unknownRecipient("192.0.2.1", isWelcome);
    assert.deepEqual([asked, denied], [2, ["192.0.2.1 harvest smtp"]]);
  });

  test("failures of an hour ago count no more", () => {
    const abuse = watch();
    for (let n = 0; n < 10; n += 1) {
      abuse.unknownRecipient("192.0.2.1");
      now += 31 * 60_000;
    }
    assert.deepEqual(denied, []);
  });

  test("an IPv6 /64 is one peer, an IPv4 address is one", () => {
    const abuse = watch();
    for (const host of ["1", "2", "ffff:0:0:1"]) abuse.unknownRecipient(`2001:db8::${host}`);
    for (const host of ["1", "2", "3"]) abuse.unknownRecipient(`192.0.2.${host}`);
    assert.deepEqual(denied, ["2001:db8::ffff:0:0:1 harvest smtp"]);
  });

  test("0 is no limit, and exempt addresses are not counted", () => {
    const abuse = watch();
    for (let n = 0; n < 5; n += 1) abuse.loginFailed("127.0.0.1", "http");
    Object.assign(limits, { harvestLimit: 0, authFailureLimit: 0 });
    for (let n = 0; n < 5; n += 1) {
      abuse.loginFailed("192.0.2.1", "imap");
      abuse.unknownRecipient("192.0.2.1");
    }
    assert.deepEqual(denied, []);
  });
});
