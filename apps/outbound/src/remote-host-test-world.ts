import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import type { DeliveryAttempted, OutboundFinished } from "@mailfold/events";
import type { MessageId } from "@mailfold/kernel";
import { SMTPServer } from "smtp-server";
import { createOutboundWorld, type OutboundWorld, type WorldOptions } from "./outbound-test-world.ts";
import { startOutbound } from "./start-outbound.ts";

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Buffer;
  readonly secure: boolean;
}
interface Refusal {
  readonly code: number;
  readonly text: string;
}

function fail(answer: Refusal): Error {
  return Object.assign(new Error(answer.text), { responseCode: answer.code });
}

/** A mail host for the tests of one `describe`: takes all mail, or answers what a test has it answer. */
export function remoteHost() {
  const received: Received[] = [];
  const remote = {
    port: 0,
    received,
    rcptAnswer: (_address: string): Refusal | undefined => undefined,
    dataAnswer: (): Refusal | undefined => undefined,
    /** A house whose mail for far.test goes to this host. */
    world(more: Partial<WorldOptions> = {}): OutboundWorld {
      const mx = { "far.test": [{ exchange: "mx.far.test", priority: 10 }] };
      return createOutboundWorld({ port: remote.port, mx, addresses: { "mx.far.test": ["127.0.0.1"] }, ...more });
    },
  };
  const server = new SMTPServer({
    logger: false,
    authOptional: true,
    disabledCommands: ["AUTH"],
    hideSMTPUTF8: true,
    onRcptTo(address, _session, done) {
      const answer = remote.rcptAnswer(address.address);
      done(answer === undefined ? null : fail(answer));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const answer = remote.dataAnswer();
        if (answer !== undefined) return done(fail(answer));
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? "" : (mailFrom?.address ?? ""),
          to: rcptTo.map((to) => to.address),
          raw: Buffer.concat(chunks),
          secure: session.secure,
        });
        done(null);
      });
    },
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    remote.port = (server.server.address() as { port: number }).port;
  });
  after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  beforeEach(() => {
    received.length = 0;
    remote.rcptAnswer = () => undefined;
    remote.dataAnswer = () => undefined;
  });
  return remote;
}

/** Runs workers until the condition holds. */
export async function workUntil(house: OutboundWorld, done: () => boolean): Promise<void> {
  const outbound = startOutbound(house.deps, house.config);
  const deadline = Date.now() + 10_000;
  while (!done() && Date.now() < deadline) {
    outbound.kick();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await outbound.close();
  assert.ok(done(), "condition not reached in 10 s");
}
export const finishedOf = (house: OutboundWorld, id: MessageId) =>
  house.events(id).find((event) => event.type === "OutboundFinished")?.data as OutboundFinished["data"] | undefined;
export const attemptsOf = (house: OutboundWorld, id: MessageId) =>
  house
    .events(id)
    .filter((event) => event.type === "DeliveryAttempted")
    .map((event) => event.data as DeliveryAttempted["data"]);
export const bouncesOf = (house: OutboundWorld) =>
  [...house.streams].filter(([name]) => name.startsWith("mail-")).flatMap(([, events]) => events);
