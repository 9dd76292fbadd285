import type { IpDenied } from "@mailfold/domain";
import { z } from "zod";
import type {
  DeliveryAttempted,
  HeldMessageDeleted,
  HeldMessageReleased,
  HeldMessageSettled,
  MessageAccepted,
  MessageHeld,
  MessageQueued,
  OutboundFinished,
  SignedIn,
  SignInFailed,
  VerdictRecorded,
  VerdictsRepeated,
} from "../traffic-events.ts";
import { defineEvent } from "./entry.ts";
import * as f from "./fields.ts";

const facts = z.record(z.string(), z.unknown());

const verdictAction = z.enum(["accept", "reject", "defer", "quarantine", "junk", "discard"]);

const verdicts = {
  IpDenied: defineEvent<IpDenied>({
    name: "IpDenied",
    meaning: "One IP prefix is refused for protocol abuse until a time.",
    categories: ["denial"],
    schema: z.strictObject({ prefix: f.text, reason: f.text, until: f.instant, detail: f.optional(f.text) }),
  }),
  VerdictRecorded: defineEvent<VerdictRecorded>({
    name: "VerdictRecorded",
    meaning: "Policy decided on one recipient, with the facts it read and the line that decided.",
    categories: ["verdict"],
    schema: z.strictObject({
      verdictId: f.verdictId,
      transactionId: f.messageId,
      action: verdictAction,
      code: f.count,
      enhancedCode: f.text,
      text: f.text,
      reason: f.text,
      phase: z.enum(["connect", "helo", "mail", "rcpt", "data"]),
      scope: f.text,
      policyEvent: f.optional(f.text),
      engineVersion: f.count,
      decisiveLine: z.strictObject({
        step: f.text,
        setting: f.optional(f.text),
        setAtScope: f.optional(f.text),
        byEvent: f.optional(f.text),
        detail: f.optional(f.text),
      }),
      byLists: f.optional(z.boolean()),
      facts,
      messageIdHeader: f.optional(f.text),
      subject: f.optional(f.text),
      sizeBytes: f.optional(f.count),
      mailboxId: f.optional(f.mailboxId),
      shadows: f.optional(
        z.array(
          z.strictObject({ shadowId: f.shadowId, action: f.optional(verdictAction), reason: f.optional(f.text) }),
        ),
      ),
    }),
  }),
  VerdictsRepeated: defineEvent<VerdictsRepeated>({
    name: "VerdictsRepeated",
    meaning: "A flood of like verdicts within a minute, counted, with samples.",
    categories: ["verdict"],
    schema: z.strictObject({
      prefix: f.text,
      reason: f.text,
      count: f.count,
      from: f.instant,
      to: f.instant,
      samples: z.array(z.strictObject({ verdictId: f.verdictId, sender: f.text, recipient: f.text })),
    }),
  }),
  MessageAccepted: defineEvent<MessageAccepted>({
    name: "MessageAccepted",
    meaning: "Cluster intake: a whole transaction before its events are spread over their streams; in nobody's feed.",
    categories: ["intake"],
    schema: z.strictObject({
      transactionId: f.messageId,
      appends: z.array(
        z.strictObject({
          stream: f.text,
          events: z.array(
            z.strictObject({
              id: f.text,
              type: f.text,
              data: z.unknown(),
              metadata: z.unknown(),
              occurredAt: f.instant,
            }),
          ),
        }),
      ),
      bodies: z.array(f.bodyRef),
    }),
  }),
} as const;

const outbound = {
  MessageQueued: defineEvent<MessageQueued>({
    name: "MessageQueued",
    meaning: "Mail that may leave waits for delivery.",
    categories: ["outbound"],
    schema: z.strictObject({
      messageId: f.messageId,
      sender: f.text,
      recipients: z.array(f.text),
      body: f.bodyRef,
      prefix: f.text,
      sizeBytes: f.count,
      vouchedBy: z.enum(["login", "ip-entry", "none"]),
      expiresAt: f.instant,
      smtpUtf8: f.flag,
      eightBit: f.flag,
      ifFailed: f.optional(
        z.array(
          z.strictObject({
            mailboxId: f.mailboxId,
            deliveryId: f.text,
            folder: f.deliveryFolder,
            prefix: f.text,
            flags: z.array(f.text),
            internalDate: f.instant,
            verdictId: f.verdictId,
          }),
        ),
      ),
    }),
  }),
  DeliveryAttempted: defineEvent<DeliveryAttempted>({
    name: "DeliveryAttempted",
    meaning: "A remote server was asked to take a message; one result per recipient.",
    categories: ["outbound"],
    schema: z.strictObject({
      messageId: f.messageId,
      attempt: f.count,
      host: f.text,
      ip: f.optional(f.text),
      tls: z.enum(["none", "opportunistic"]),
      results: z.array(
        z.strictObject({
          recipient: f.text,
          outcome: z.enum(["delivered", "deferred", "failed"]),
          code: f.optional(f.count),
          enhancedCode: f.optional(f.text),
          text: f.text,
        }),
      ),
      nextAttemptAt: f.optional(f.instant),
    }),
  }),
  OutboundFinished: defineEvent<OutboundFinished>({
    name: "OutboundFinished",
    meaning: "No recipient of a queued message is left.",
    categories: ["outbound"],
    schema: z.strictObject({
      messageId: f.messageId,
      delivered: f.count,
      failed: f.count,
      bounce: z.enum(["sent", "suppressed", "not-needed"]),
    }),
  }),
} as const;

const held = {
  MessageHeld: defineEvent<MessageHeld>({
    name: "MessageHeld",
    meaning: "A copy is kept instead of delivered: quarantined, hidden, or waiting for a second judgement.",
    categories: ["quarantine"],
    schema: z.strictObject({
      holdId: f.text,
      kind: z.enum(["quarantined", "discarded", "deferred"]),
      transactionId: f.messageId,
      verdictId: f.verdictId,
      recipient: f.text,
      sender: f.text,
      mailboxId: f.mailboxId,
      body: f.bodyRef,
      prefix: f.text,
      sizeBytes: f.count,
      expiresAt: f.instant,
      judgeAgainAt: f.optional(f.instant),
      facts,
      attempt: f.count,
      domainId: f.optional(f.domainId),
      subject: f.optional(f.text),
      messageIdHeader: f.optional(f.text),
      reason: f.optional(f.text),
      score: f.optional(z.number()),
      folder: f.optional(f.deliveryFolder),
    }),
  }),
  HeldMessageSettled: defineEvent<HeldMessageSettled>({
    name: "HeldMessageSettled",
    meaning: "What became of a held copy.",
    categories: ["quarantine"],
    schema: z.strictObject({
      holdId: f.text,
      outcome: z.enum(["delivered", "expired", "rejected", "deferred"]),
      verdictId: f.optional(f.verdictId),
      judgeAgainAt: f.optional(f.instant),
      attempt: f.optional(f.count),
    }),
  }),
  HeldMessageReleased: defineEvent<HeldMessageReleased>({
    name: "HeldMessageReleased",
    meaning: "Somebody had a held copy delivered after all.",
    categories: ["quarantine"],
    schema: z.strictObject({ holdId: f.text, mailboxId: f.mailboxId }),
  }),
  HeldMessageDeleted: defineEvent<HeldMessageDeleted>({
    name: "HeldMessageDeleted",
    meaning: "Somebody threw a held copy away.",
    categories: ["quarantine"],
    schema: z.strictObject({ holdId: f.text }),
  }),
  SignedIn: defineEvent<SignedIn>({
    name: "SignedIn",
    meaning: "A login to a mailbox succeeded.",
    categories: ["signin"],
    schema: z.strictObject({ mailboxId: f.mailboxId, protocol: f.text, ip: f.text, mechanism: f.text }),
  }),
  SignInFailed: defineEvent<SignInFailed>({
    name: "SignInFailed",
    meaning: "A login to an existing mailbox failed.",
    categories: ["signin"],
    schema: z.strictObject({
      mailboxId: f.mailboxId,
      protocol: f.text,
      ip: f.text,
      mechanism: f.text,
      cause: f.text,
    }),
  }),
} as const;

/** Events that expire by age: verdicts, denials, outbound, quarantine, sign-ins. */
export const trafficEvents = { ...verdicts, ...outbound, ...held } as const;
