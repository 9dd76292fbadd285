import { describe, test } from "node:test";
import type { PardonId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { ListingScope, ListingSubject } from "../listing/events.ts";
import type { PardonEvent } from "./events.ts";
import { type PardonCommand, type PardonSender, pardon, pardonLimits } from "./pardon.ts";

const { given } = specify(pardon);
const [first, second] = ["prd_01" as PardonId, "prd_02" as PardonId];
const scope: ListingScope = { kind: "tenant", id: "ten_01" as TenantId };
const subject: ListingSubject = { kind: "ip", value: "192.0.2.7" };
const at = 1_000;
const until = at + 86_400_000;
const facts = { at, scopeExists: true, unknownEvidence: [] };
const forgive: PardonSender = { type: "PardonSender", pardonId: first, scope, subject, until, facts };
const pardoned = (
  more: { until?: number; voided?: readonly string[]; reason?: string; redeliver?: boolean; pardonId?: PardonId } = {},
): PardonEvent => ({
  type: "SenderPardoned",
  data: { pardonId: first, scope, subject, until, voided: [], ...more },
});

describe("pardon", () => {
  test("is granted with what it voids, once", () => {
    given().when(forgive).thenRecorded(pardoned());
    given()
      .when({ ...forgive, voidEvidence: ["e1", "e2", "e1"], reason: "an intern marked invoices", redeliver: true })
      .thenRecorded(pardoned({ voided: ["e1", "e2"], reason: "an intern marked invoices", redeliver: true }));
    given(pardoned())
      .when({ ...forgive, pardonId: second, redeliver: false })
      .thenNothing();
    given(pardoned())
      .when({ ...forgive, pardonId: second, until: until + 1 })
      .thenRecorded(pardoned({ pardonId: second, until: until + 1 }));
  });

  test("refuses what is no subject, no evidence, no scope, and times out of bounds", () => {
    given()
      .when({ ...forgive, facts: { ...facts, scopeExists: false } })
      .thenRefused("NOT_FOUND", ["scope"]);
    given()
      .when({ ...forgive, facts: { ...facts, subjectProblem: "no address" } })
      .thenRefused("INVALID_INPUT", ["subject"]);
    given()
      .when({ ...forgive, voidEvidence: ["e1"], facts: { ...facts, unknownEvidence: ["e1"] } })
      .thenRefused("NOT_FOUND", ["voidEvidence"]);
    given()
      .when({ ...forgive, voidEvidence: Array.from({ length: pardonLimits.voidedMax + 1 }, (_, n) => `e${n}`) })
      .thenRefused("INVALID_INPUT", ["voidEvidence"]);
    given()
      .when({ ...forgive, reason: "a\u0000b" })
      .thenRefused("INVALID_INPUT", ["reason"]);
    for (const bad of [at, 0, 1.5, Number.NaN, at + pardonLimits.lengthMsMax + 1]) {
      given()
        .when({ ...forgive, until: bad })
        .thenRefused("INVALID_INPUT", ["until"]);
    }
  });

  test("is lifted by its id, while it stops anything or has voided anything", () => {
    const lift = { type: "LiftPardon", pardonId: first, at } as const;
    const lifted: PardonEvent = { type: "PardonLifted", data: { pardonId: first, scope, subject } };
    given(pardoned()).when(lift).thenRecorded(lifted);
    given(pardoned())
      .when({ ...lift, pardonId: second })
      .thenRefused("NOT_FOUND");
    given(pardoned())
      .when({ ...lift, at: until })
      .thenRefused("NOT_FOUND");
    given(pardoned({ voided: ["e1"] }))
      .when({ ...lift, at: until })
      .thenRecorded(lifted);
    given(pardoned(), lifted).when(lift).thenRefused("NOT_FOUND");
    given().when(lift).thenRefused("NOT_FOUND");
  });

  test("replay equals live", () => {
    const pardonId = fc.constantFrom(first, second);
    const command: fc.Arbitrary<PardonCommand> = fc.oneof(
      fc
        .record(
          { pardonId, until: fc.constantFrom(500, until, until + 1), voidEvidence: fc.subarray(["e1", "e2"]) },
          { requiredKeys: ["pardonId"] },
        )
        .map((more) => ({ ...forgive, ...more })),
      fc.record({ type: fc.constant("LiftPardon" as const), pardonId, at: fc.constantFrom(at, until) }),
    );
    holdsOverHistories(pardon, command);
  });
});
