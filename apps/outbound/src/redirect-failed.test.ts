import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeptCopy } from "@mailfold/events";
import { bouncesOf, finishedOf, remoteHost, workUntil } from "./remote-host-test-world.ts";

const kept = (mailboxId: string): KeptCopy => ({
  mailboxId: mailboxId as KeptCopy["mailboxId"],
  deliveryId: `delivery of ${mailboxId}`,
  folder: "INBOX",
  prefix: "Return-Path: <x@ext.test>\r\n",
  flags: [],
  internalDate: 5,
  verdictId: "vrd_1" as KeptCopy["verdictId"],
});
const srs = "SRS0=aaaaaaaa=aa=ours.test=alice@ours.test";

describe("redirected mail that fails", () => {
  const remote = remoteHost();
  const { world } = remote;

  test("a refusal of a foreign sender's mail puts it into the redirecting mailbox, once, and nobody gets a bounce", async () => {
    const house = world();
    const holds: unknown[] = [];
    const { commit } = house.deps.journal;
    Object.assign(house.deps.journal, {
      commit(work: Parameters<typeof commit>[0]) {
        holds.push(...(work.holds ?? []));
        return commit(work);
      },
    });
    const ifFailed = [kept("mbx_a"), kept("mbx_gone")];
    const id = await house.queue({ sender: "SRS0=x@ours.test", vouchedBy: "none", ifFailed });
    remote.rcptAnswer = () => ({ code: 550, text: "5.1.1 no such user" });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.deepEqual([finishedOf(house, id)?.failed, finishedOf(house, id)?.bounce], [1, "suppressed"]);
    const events = house.streams.get("mail-mbx_a") ?? [];
    assert.equal(events.length, 1);
    const data = events[0]?.data as { deliveryId: string; prefix: string; body: { sha256: string }; sizeBytes: number };
    assert.deepEqual([data.deliveryId, data.prefix], ["delivery of mbx_a", "Return-Path: <x@ext.test>\r\n"]);
    assert.equal(new TextDecoder().decode(house.bodies.get(data.body.sha256)), "Subject: hello\r\n\r\nbody\r\n");
    assert.equal(data.sizeBytes, data.prefix.length + 24);
    assert.deepEqual(holds, [{ stream: "mail-mbx_a", ref: data.body }]);
    assert.equal(house.streams.get("mail-mbx_gone"), undefined, "a deleted mailbox");
  });

  test("so does time that runs out, and mail that arrives stays away", async () => {
    const house = world();
    const late = await house.queue({ vouchedBy: "none", lifeMs: 500, ifFailed: [kept("mbx_a")] });
    remote.rcptAnswer = () => ({ code: 451, text: "4.2.0 later" });
    house.now += 500;
    await workUntil(house, () => finishedOf(house, late) !== undefined);
    assert.equal(house.streams.get("mail-mbx_a")?.length, 1);
    remote.rcptAnswer = () => undefined;
    const id = await house.queue({ vouchedBy: "none", ifFailed: [kept("mbx_b")] });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(house.streams.get("mail-mbx_b"), undefined);
  });

  test("a crash between the return and the end repeats the same event, which mailboxes take once", async () => {
    const house = world();
    const { commit } = house.deps.journal;
    let crashes = 1;
    Object.assign(house.deps.journal, {
      async commit(work: Parameters<typeof commit>[0]) {
        const isEnd = work.appends.some(({ events }) => events.some(({ type }) => type === "OutboundFinished"));
        if (isEnd && crashes-- > 0) throw new Error("killed");
        return commit(work);
      },
    });
    const id = await house.queue({ vouchedBy: "none", ifFailed: [kept("mbx_a")] });
    remote.rcptAnswer = () => ({ code: 550, text: "5.1.1 no such user" });
    await workUntil(house, () => {
      // What failed inside rests for some seconds.
      house.now += 100;
      return finishedOf(house, id) !== undefined;
    });
    const returned = house.streams.get("mail-mbx_a") ?? [];
    assert.equal(returned.length, 2, "the end was tried twice");
    assert.equal(new Set(returned.map((event) => event.id)).size, 1);
    assert.equal(new Set(returned.map(({ data }) => (data as { deliveryId: string }).deliveryId)).size, 1);
  });

  test("a login's bounce goes to who wrote, not to the address that we made of it", async () => {
    const house = world({ localMailbox: "alice@ours.test" });
    Object.assign(house.deps, {
      originalSender: (address: string) => (address === srs ? "alice@ours.test" : undefined),
    });
    const id = await house.queue({ sender: srs });
    remote.rcptAnswer = () => ({ code: 550, text: "5.1.1 no such user" });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    const [bounce] = bouncesOf(house);
    assert.equal(bounce?.stream, "mail-mbx_local");
    const { body } = bounce.data as { body: { sha256: string } };
    assert.match(new TextDecoder().decode(house.bodies.get(body.sha256)), /\r\nTo: <alice@ours\.test>\r\n/);
  });
});
