import type { RecipientResult } from "@mailfold/events";
import type { OutboundMessage } from "./outbound-message.ts";

export interface BounceInput {
  readonly message: OutboundMessage;
  /** Final failures, in the order of the recipients. */
  readonly failures: readonly RecipientResult[];
  /** The original message's body as it was stored, if it is still there; its prefix comes from `message`. */
  readonly original: Uint8Array | undefined;
  readonly hostname: string;
  readonly messageId: string;
  readonly boundary: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const headersMax = 64 * 1024;

/** Builds a delivery status notification (RFC 3464, in a multipart/report of RFC 6522): plain words, machine status, original header. */
export function buildBounce(input: BounceInput): Uint8Array {
  const { message, hostname, boundary } = input;
  const header = [
    `From: Mail Delivery System <postmaster@${hostname}>`,
    `To: <${message.queued.sender}>`,
    "Subject: Undelivered mail returned to sender",
    `Date: ${mailDate(input.at)}`,
    `Message-ID: <${input.messageId}@${hostname}>`,
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    `Content-Type: multipart/report; report-type=delivery-status; boundary="${boundary}"`,
  ];
  const parts = [
    ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", ...explanation(input)],
    // RFC 6533 3: addresses beyond ASCII have a status type of their own.
    isInternational(input)
      ? [
          "Content-Type: message/global-delivery-status",
          "Content-Transfer-Encoding: 8bit",
          "",
          ...deliveryStatus(input),
        ]
      : ["Content-Type: message/delivery-status", "", ...deliveryStatus(input)],
    [
      "Content-Type: text/rfc822-headers; charset=utf-8",
      "Content-Transfer-Encoding: 8bit",
      "",
      ...originalHeader(input),
    ],
  ];
  const lines = [...header, "", ...parts.flatMap((part) => [`--${boundary}`, ...part]), `--${boundary}--`, ""];
  return new TextEncoder().encode(lines.join("\r\n"));
}

function explanation(input: BounceInput): string[] {
  const expired = input.failures.some((failure) => failure.outcome === "deferred");
  return [
    `This is the mail system at ${input.hostname}.`,
    "",
    "Your message could not be delivered to:",
    "",
    ...input.failures.flatMap((failure) => [`  ${failure.recipient}`, `    ${answerOf(failure)}`, ""]),
    expired
      ? "It was tried again and again until its time ran out; it will not be tried any more."
      : "The receiving side refused it for good; sending it again unchanged will not help.",
    "",
  ];
}

function deliveryStatus(input: BounceInput): string[] {
  const perMessage = [
    `Reporting-MTA: dns; ${input.hostname}`,
    `X-Mailfold-Message: ${input.message.queued.messageId}`,
    `Arrival-Date: ${mailDate(input.message.queuedAt)}`,
    "",
  ];
  const perRecipient = input.failures.flatMap((failure) => [
    `Final-Recipient: ${isAscii(failure.recipient) ? "rfc822" : "utf-8"}; ${failure.recipient}`,
    "Action: failed",
    `Status: ${statusOf(failure)}`,
    ...(failure.code === undefined
      ? []
      : [`Diagnostic-Code: smtp; ${answerOf(failure).replace(/[^\x20-\x7e]/g, "?")}`]),
    "",
  ]);
  return [...perMessage, ...perRecipient];
}

/** The other side's answer: its text repeats the code when it is a reply, and has none when we say so ourselves. */
function answerOf({ code, text }: RecipientResult): string {
  return code === undefined || text.startsWith(`${code}`) ? text : `${code} ${text}`;
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

function isInternational(input: BounceInput): boolean {
  return input.failures.some((failure) => !isAscii(failure.recipient));
}

/** An expired message's last answer was temporary: its status becomes 5.4.7, delivery time expired (RFC 3463 3.5). */
function statusOf(failure: RecipientResult): string {
  if (failure.outcome === "deferred") return "5.4.7";
  return failure.enhancedCode?.startsWith("5") === true ? failure.enhancedCode : "5.0.0";
}

/** Trace fields come first, and with them the Date and Message-ID that this host may have added. */
function originalHeader({ message, original }: BounceInput): string[] {
  const body = new TextDecoder("utf-8").decode(original?.subarray(0, headersMax));
  const head = `${message.queued.prefix}${body}`.replace(/\r\n|\r|\n/g, "\n");
  const end = head.indexOf("\n\n");
  return [...(end < 0 ? head : head.slice(0, end)).split("\n"), ""];
}

/** RFC 5322 3.3 date-time in UTC. */
export function mailDate(at: number): string {
  return new Date(at).toUTCString().replace("GMT", "+0000");
}
