import { idFromUuid, uuidFromId, uuidV5 } from "@mailfold/ids";
import type { MessageId } from "@mailfold/kernel";
import { type MessageAuthResult, srsForward } from "@mailfold/mail-auth";
import type { Verdict } from "@mailfold/policy";
import type { ContentServices } from "../content/content-services.ts";
import type { MessageInspection } from "../content/message-inspection.ts";
import { tagSubject } from "../content/tag-subject.ts";
import type { Judged } from "../judge.ts";
import type { Owner } from "../verdict-event.ts";
import type { Expanded } from "./expand-forwards.ts";
import type { Forwarding } from "./forwarding.ts";

/** One recipient's copy on its way to addresses elsewhere. */
export interface QueuedForward {
  readonly judged: Judged;
  readonly owner: Owner;
  /** MAIL FROM: bounces come back through us. */
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly prefix: string;
  readonly vouchedBy: NonNullable<Verdict["vouchedBy"]>;
  readonly tag: string | undefined;
}

export interface QueueForwardsInput {
  readonly expanded: Expanded;
  readonly forwarding: Forwarding;
  readonly services: Pick<ContentServices, "auth" | "hostname" | "log">;
  readonly inspection: Pick<MessageInspection, "known">;
  readonly sender: string;
  /** As it is stored. */
  readonly bytes: Buffer;
  /** Our Received field, with CRLF. */
  readonly received: string;
}

const sealMs = 5_000;

/** The message that a recipient's copy is sent on as: the same one whenever that happens. */
export function forwardId(transactionId: MessageId, { facts }: Judged): MessageId {
  return idFromUuid("message", uuidV5(uuidFromId(transactionId), `forward ${facts.recipient?.address}`));
}

/**
 * Makes ready what is sent on: a sender that passes SPF here (SRS), the loop mark, and an ARC seal over what authentication
 * found. A null sender stays null. Forwarded mail is vouched for by a login only, so its bounces never reach a stranger. A
 * recipient whose sender cannot be rewritten is left out: its copy stays.
 */
export async function queueForwards(input: QueueForwardsInput): Promise<readonly QueuedForward[]> {
  const ready: QueuedForward[] = [];
  for (const [judged, recipients] of input.expanded.sentOn) {
    const forward = await queueOne(input, judged, recipients);
    if (forward !== undefined) ready.push(forward);
  }
  return ready;
}

async function queueOne(
  input: QueueForwardsInput,
  judged: Judged,
  recipients: readonly string[],
): Promise<QueuedForward | undefined> {
  const { facts, verdict } = judged;
  const { recipient } = facts;
  const { received } = input;
  const vouchedBy = facts.login === undefined ? "none" : "login";
  const tag = verdict.delivery?.subjectTag;
  if (recipient?.found.kind !== "local") {
    // Outbound rules of the sending tenant: the sender is its own, and stays.
    const { sender } = input;
    return {
      judged,
      owner: verdict,
      sender,
      recipients,
      prefix: received,
      vouchedBy: verdict.vouchedBy ?? "none",
      tag,
    };
  }
  const { domain } = recipient.found;
  const rewritten = srsForward(input.sender, {
    domain: domain.name,
    keys: input.forwarding.srsKeys,
    nowMs: facts.at,
  });
  if (rewritten.status === "refused") {
    input.services.log.warn(
      { code: rewritten.code },
      "mail is kept, since its sender cannot be rewritten for sending it on",
    );
    return undefined;
  }
  const unsealed = `Delivered-To: ${recipient.address}\r\n${received}`;
  const prefix = (await sealOf(input, judged, unsealed)) + unsealed;
  return { judged, owner: domain, sender: rewritten.address, recipients, prefix, vouchedBy, tag };
}

/** The ARC set to put on top, over the copy as it leaves; "" where nothing was authenticated, or no seal can be made. */
async function sealOf({ inspection, services, forwarding, bytes }: QueueForwardsInput, judged: Judged, prefix: string) {
  const results: MessageAuthResult | undefined = await inspection.known(judged.facts);
  if (results === undefined) return "";
  const tag = judged.verdict.delivery?.subjectTag;
  const body = tag === undefined ? bytes : tagSubject(bytes, tag);
  const { privateKeyPem, selector, domain } = forwarding.sealKey;
  const sealing = await services.auth.seal({
    message: Buffer.concat([Buffer.from(prefix), body]),
    results,
    hostname: services.hostname,
    key: privateKeyPem,
    selector,
    domain,
    deadlineMs: sealMs,
  });
  if (sealing.status === "sealed") return sealing.headers;
  services.log.warn({ code: sealing.code, detail: sealing.detail }, "forwarded mail goes out without an ARC seal");
  return "";
}

/** Whose copy is really sent on and not kept: where one cannot be made ready, nobody's copy hangs on another's. */
export function stillRedirected(
  { redirected, sentOn }: Expanded,
  forwards: readonly QueuedForward[],
): ReadonlySet<Judged> {
  return forwards.length === sentOn.size ? redirected : new Set();
}
