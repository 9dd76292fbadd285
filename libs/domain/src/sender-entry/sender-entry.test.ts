import { describe, test } from "node:test";
import type { SenderEntryId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { holdsOverHistories, specify } from "../decider-contract.ts";
import type { Scope } from "../scope.ts";
import type { SenderEntryEvent } from "./events.ts";
import type { AddSenderEntry, AddSenderEntryFacts, SenderEntryCommand } from "./sender-entry.ts";
import { senderEntry } from "./sender-entry.ts";

const { given } = specify(senderEntry);
const [first, second] = ["sle_01" as SenderEntryId, "sle_02" as SenderEntryId];
const scope: Scope = { kind: "tenant", id: "ten_01" as TenantId };
const facts: AddSenderEntryFacts = { at: 1_000, scopeExists: true, trustUnverifiedUnlocked: false };
const pattern = "192.0.2.7";
const add: AddSenderEntry = { type: "AddSenderEntry", entryId: first, scope, list: "accept", pattern, facts };
const added = (more: { note?: string; expiresAt?: number; trustUnverified?: boolean } = {}): SenderEntryEvent => ({
  type: "SenderEntryAdded",
  data: { entryId: first, scope, list: "accept", pattern, ...more },
});

describe("senderEntry", () => {
  test("the same pattern again is nothing new, or replaces expiry and note under the first id", () => {
    given().when(add).thenRecorded(added());
    given(added())
      .when({ ...add, entryId: second })
      .thenNothing();
    given(added())
      .when({ ...add, trustUnverified: false })
      .thenNothing();
    given(added())
      .when({ ...add, entryId: second, note: "until Friday" })
      .thenRecorded(added({ note: "until Friday" }));
    given(added({ expiresAt: 2_000, note: "n" }))
      .when({ ...add, expiresAt: 3_000 })
      .thenRecorded(added({ expiresAt: 3_000 }));
  });

  test("accept and kill are two lists", () => {
    given(added())
      .when({ ...add, entryId: second, list: "kill" })
      .thenRecorded({ type: "SenderEntryAdded", data: { entryId: second, scope, list: "kill", pattern } });
  });

  test("refuses bad patterns, past expiry, trust without unlock, unknown scopes", () => {
    given()
      .when({ ...add, facts: { ...facts, patternProblem: "wider than /24" } })
      .thenRefused("PATTERN_INVALID", ["pattern"]);
    for (const expiresAt of [1_000, 0, 1.5, Number.NaN]) {
      given()
        .when({ ...add, expiresAt })
        .thenRefused("INVALID_INPUT", ["expiresAt"]);
    }
    given()
      .when({ ...add, trustUnverified: true })
      .thenRefused("UNLOCK_REQUIRED");
    given()
      .when({ ...add, list: "kill", trustUnverified: true })
      .thenRefused("INVALID_INPUT");
    given()
      .when({ ...add, trustUnverified: true, facts: { ...facts, trustUnverifiedUnlocked: true } })
      .thenRecorded(added({ trustUnverified: true }));
    given()
      .when({ ...add, facts: { ...facts, scopeExists: false } })
      .thenRefused("NOT_FOUND", ["scope"]);
  });

  test("an entry is removed by its id", () => {
    given(added())
      .when({ type: "RemoveSenderEntry", entryId: first })
      .thenRecorded({ type: "SenderEntryRemoved", data: { entryId: first, scope, list: "accept", pattern } });
    given(added()).when({ type: "RemoveSenderEntry", entryId: second }).thenRefused("NOT_FOUND");
    given().when({ type: "RemoveSenderEntry", entryId: first }).thenRefused("NOT_FOUND");
  });

  test("replay equals live", () => {
    const entryId = fc.constantFrom(first, second);
    const command: fc.Arbitrary<SenderEntryCommand> = fc.oneof(
      fc
        .record(
          {
            entryId,
            list: fc.constantFrom("accept" as const, "kill" as const),
            note: fc.constantFrom("a", "b"),
            expiresAt: fc.constantFrom(500, 2_000, 3_000),
          },
          { requiredKeys: ["entryId", "list"] },
        )
        .map((more) => ({ ...add, ...more })),
      fc.record({ type: fc.constant("RemoveSenderEntry" as const), entryId }),
    );
    holdsOverHistories(senderEntry, command);
  });
});
