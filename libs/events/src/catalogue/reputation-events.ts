import type {
  ListingScope,
  ListingSubject,
  PardonLifted,
  SenderDelisted,
  SenderListed,
  SenderPardoned,
  SpamShare,
} from "@mailfold/domain";
import { z } from "zod";
import type { ReputationCheckpointed, ReputationTicked } from "../reputation-events.ts";
import { defineEvent } from "./entry.ts";
import * as f from "./fields.ts";

const scope: z.ZodType<ListingScope> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("platform") }),
  z.strictObject({ kind: z.literal("tenant"), id: f.tenantId }),
]);
const subject: z.ZodType<ListingSubject> = z.strictObject({
  kind: z.enum(["ip", "prefix", "domain", "sender"]),
  value: f.text,
});
const share: z.ZodType<SpamShare> = z.strictObject({ lowerBound: z.number(), mail: z.number(), spam: z.number() });
const eventIds = z.array(f.text).max(100);

/** What is learned of senders, and what people have to say to it. */
export const reputationEvents = {
  SenderListed: defineEvent<SenderListed>({
    name: "SenderListed",
    meaning: "Evidence put a sender on a learned blacklist, raised it to reject, or keeps it there for longer.",
    categories: ["listing"],
    schema: z.strictObject({
      listingId: f.listingId,
      scope,
      subject,
      change: z.enum(["new", "raised", "renewed"]),
      action: z.enum(["defer", "reject"]),
      score: z.number(),
      threshold: z.number(),
      share,
      at: f.instant,
      listedAt: f.instant,
      halfLifeMs: f.count,
      expiresAt: f.instant,
      evidence: eventIds,
      evidenceTotal: f.count,
      tenants: f.count,
      causeEvent: f.optional(f.text),
    }),
    personal: ["subject"],
  }),
  SenderDelisted: defineEvent<SenderDelisted>({
    name: "SenderDelisted",
    meaning: "A sender no longer stands on a learned blacklist.",
    categories: ["listing"],
    schema: z.strictObject({
      listingId: f.listingId,
      scope,
      subject,
      cause: z.enum(["decayed", "evidence", "pardoned", "voided"]),
      score: z.number(),
      share,
      at: f.instant,
      listedAt: f.instant,
      causeEvent: f.optional(f.text),
    }),
    personal: ["subject"],
  }),
  SenderPardoned: defineEvent<SenderPardoned>({
    name: "SenderPardoned",
    meaning: "A sender is forgiven: it is delisted, for a time nothing is learned of it, and named evidence is void.",
    categories: ["pardon"],
    schema: z.strictObject({
      pardonId: f.pardonId,
      scope,
      subject,
      until: f.instant,
      voided: eventIds,
      reason: f.optional(f.text),
      redeliver: f.optional(f.flag),
    }),
    personal: ["subject", "reason"],
  }),
  PardonLifted: defineEvent<PardonLifted>({
    name: "PardonLifted",
    meaning: "A pardon was taken back; what it voided counts again.",
    categories: ["pardon"],
    schema: z.strictObject({ pardonId: f.pardonId, scope, subject, reason: f.optional(f.text) }),
    personal: ["subject", "reason"],
  }),
  ReputationTicked: defineEvent<ReputationTicked>({
    name: "ReputationTicked",
    meaning: "The learner of blacklists took note of the time, because a listing was due to end.",
    categories: ["reputation"],
    schema: z.strictObject({ at: f.instant }),
  }),
  ReputationCheckpointed: defineEvent<ReputationCheckpointed>({
    name: "ReputationCheckpointed",
    meaning: "Part of all that the learner of blacklists knows, so that evidence may expire.",
    categories: ["reputation"],
    schema: z.strictObject({
      checkpointId: f.text,
      part: f.count,
      parts: f.count,
      foldedTo: z.strictObject({ stream: f.text, revision: f.count, id: f.text }),
      snapshot: z.record(z.string(), z.unknown()).describe("libs/reputation SnapshotPart"),
    }),
  }),
} as const;
