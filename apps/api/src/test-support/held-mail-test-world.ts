import { createHash, randomUUID } from "node:crypto";
import { type MessageHeld, streams } from "@mailfold/events";
import { idFromUuid, newId } from "@mailfold/ids";
import type { ApiWorld } from "./api-test-world.ts";
import type { TenantObjects } from "./resellers-test-world.ts";

/** Whose mail is held: any tenant's objects. */
export type HeldFor = Pick<TenantObjects, "tenant" | "reseller" | "domain" | "mailbox" | "address">;

export interface HeldMail {
  /** As the API names it. */
  readonly id: string;
  readonly holdId: string;
  readonly stream: string;
  readonly body: MessageHeld["data"]["body"];
}

/** Has a copy held for a mailbox, as the SMTP edge does. */
export async function holdMail(
  world: ApiWorld,
  to: HeldFor,
  more: Partial<MessageHeld["data"]> & { readonly message?: string } = {},
): Promise<HeldMail> {
  const { message = "Subject: cheap\r\n\r\nwatches\r\n", ...data } = more;
  const bytes = Buffer.from(message);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const body = { tenantId: to.tenant, sha256, sizeBytes: bytes.length };
  const holdId = randomUUID();
  const stream = streams.hold(to.tenant as never, holdId);
  const at = world.deps.clock.now();
  const prefix = `Return-Path: <eve@spam.example>\r\nDelivered-To: ${to.address}\r\n`;
  const held: MessageHeld["data"] = {
    holdId,
    kind: "quarantined",
    transactionId: newId("message"),
    verdictId: newId("verdict"),
    recipient: to.address,
    sender: "eve@spam.example",
    mailboxId: to.mailbox as never,
    domainId: to.domain as never,
    body,
    prefix,
    sizeBytes: prefix.length + bytes.length,
    expiresAt: at + 30 * 86_400_000,
    facts: { ip: "192.0.2.9" },
    attempt: 0,
    subject: "cheap",
    reason: "spam-score",
    score: 7.5,
    ...data,
  };
  const metadata = { tenantId: to.tenant, resellerId: to.reseller, actor: { type: "peer", id: "192.0.2.9" } } as never;
  const event = { id: randomUUID(), type: "MessageHeld", data: held, metadata, occurredAt: at };
  await world.deps.journal.commit({
    bodies: [{ ref: body, bytes }],
    appends: [{ stream, expected: "any", events: [event] }],
    holds: [{ stream, ref: body }],
  });
  await world.fold();
  return { id: idFromUuid("hold", holdId), holdId, stream, body };
}
