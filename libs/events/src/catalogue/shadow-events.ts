import type { ShadowDropped, ShadowPromoted, ShadowStarted } from "@mailfold/domain";
import { z } from "zod";
import { defineEvent } from "./entry.ts";
import * as f from "./fields.ts";
import { settingValue } from "./record-events.ts";

const ended = z.strictObject({ shadowId: f.shadowId, scope: f.scope });

/** Changes of policy that are tried on real mail before they decide anything. */
export const shadowEvents = {
  ShadowStarted: defineEvent<ShadowStarted>({
    name: "ShadowStarted",
    meaning: "Changes of policy are judged beside the policy in force, for the mail of a scope's subtree.",
    categories: ["shadow"],
    schema: z.strictObject({
      shadowId: f.shadowId,
      scope: f.scope,
      changes: z.array(z.record(z.string(), settingValue)).describe("libs/policy PolicyChange"),
      expiresAt: f.instant,
      note: f.optional(f.text),
    }),
    personal: ["changes", "note"],
  }),
  ShadowPromoted: defineEvent<ShadowPromoted>({
    name: "ShadowPromoted",
    meaning: "A shadow's changes were made in earnest, by the events of the same commit.",
    categories: ["shadow"],
    schema: ended,
  }),
  ShadowDropped: defineEvent<ShadowDropped>({
    name: "ShadowDropped",
    meaning: "A shadow was given up.",
    categories: ["shadow"],
    schema: ended,
  }),
} as const;
