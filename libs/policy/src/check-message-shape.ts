import { checkSize, settingLine } from "./check-sender.ts";
import type { RecipientOutcome } from "./evaluate-recipient.ts";
import { type Finding, type Judging, refuse } from "./judging.ts";
import { chainOf, settingValue } from "./policy-state.ts";
import type { Facts } from "./types.ts";

/** Received headers beyond which a message loops (RFC 5321 6.3 asks for at least 100). */
export const receivedMax = 100;

type Content = NonNullable<Facts["content"]>;

/** Whether a header address is one at all: something on both sides of the last @. */
function isAddress(text: string): boolean {
  const at = text.lastIndexOf("@");
  return at > 0 && at < text.length - 1 && !/\s/.test(text);
}

function checkShape(judging: Judging, content: Content): Finding | undefined {
  if (content.bareLineEnd) return refuse(judging, "bare-line-end", "data", { step: "line-ends", outcome: "refuse" });
  if (content.broken) return refuse(judging, "content-broken", "data", { step: "header", outcome: "refuse" });
  return undefined;
}

/** Copies bear their mailbox's address: an alias's mail loops when every mailbox behind it had it before. */
function isDeliveredBefore(
  { address, found }: NonNullable<Facts["recipient"]>,
  deliveredTo: readonly string[],
): boolean {
  if (deliveredTo.length === 0) return false;
  if (deliveredTo.includes(address)) return true;
  return found.kind === "local" && found.targets.every((target) => deliveredTo.includes(target.address));
}

function checkLoop(judging: Judging, content: Content): Finding | undefined {
  const { recipient } = judging.facts;
  if (content.received > receivedMax) {
    const detail = `${content.received} Received headers`;
    return refuse(judging, "loop", "data", { step: "loop", outcome: "refuse", detail });
  }
  if (recipient && isDeliveredBefore(recipient, content.deliveredTo)) {
    return refuse(judging, "loop", "data", { step: "loop", outcome: "refuse", detail: "Delivered-To" });
  }
  return undefined;
}

function checkHeaders(judging: Judging, content: Content, outcome: RecipientOutcome): Finding | undefined {
  const { state, facts } = judging;
  const { login } = facts;
  const chain = login ? chainOf(login) : outcome.chain;
  const required = settingValue(state, chain, "requireFromOrReplyTo");
  if (required === "always" || (required === "relayed" && outcome.route === "relay")) {
    if (!content.from.some(isAddress) && !content.replyTo.some(isAddress)) {
      const line = settingLine(judging, chain, "requireFromOrReplyTo", { step: "headers", outcome: "refuse" });
      return refuse(judging, "header-missing", "data", line);
    }
  }
  if (!login || settingValue(state, chain, "senderMustMatchLogin") === false) return undefined;
  // RFC 5322 3.6: exactly one From. A second one is how a forged name gets past a check of the first.
  const one = content.fromCount === 1 && content.from.length > 0;
  const own = one && content.from.every((address) => login.ownAddresses.includes(address));
  if (own || (content.fromCount === 0 && outcome.route === "local")) return undefined;
  const detail = one ? "From is not an address of the login" : `${content.fromCount} From headers`;
  const line = settingLine(judging, chain, "senderMustMatchLogin", { step: "from", outcome: "refuse", detail });
  return refuse(judging, "from-mismatch", "data", line);
}

/** What every message must satisfy, whoever sends it: form, size, no loop, headers. No accept list spares from it. */
export function checkMessageShape(judging: Judging, content: Content, outcome: RecipientOutcome): Finding | undefined {
  const size = { bytes: content.sizeBytes, phase: "data" } as const;
  const { login } = judging.facts;
  return (
    checkShape(judging, content) ??
    checkSize(judging, outcome.chain, size) ??
    (login ? checkSize(judging, chainOf(login), size) : undefined) ??
    checkLoop(judging, content) ??
    checkHeaders(judging, content, outcome)
  );
}
